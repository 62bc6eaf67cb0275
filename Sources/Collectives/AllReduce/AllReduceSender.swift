import Numerics

/// Turns what the algorithm has to say into messages: header, payload, and whether floats are sent or read in memory.
///
/// Used by the I/O thread alone.
final class AllReduceSender: AllReduceOutbox {
    private let world: WorldDescription
    private let transport: any Transport
    private let memory: SharedMemoryLinks
    private let codecs: PayloadCodecs
    /// Payloads of at least so many bytes are read in memory, where that is possible.
    private let sharedMemoryBytes: Int
    /// Payloads of at least so many bytes are sent without a copy.
    private let zeroCopyBytes: Int
    /// Payloads that are lent to the transport until the step is over.
    private var lent: [OwnedBytes] = []
    /// Bytes sent since the step began.
    private(set) var bytesSent = 0

    init(
        _ world: WorldDescription, transport: any Transport, memory: SharedMemoryLinks, codecs: PayloadCodecs,
        options: AllReduceOptions
    ) {
        self.world = world
        self.transport = transport
        self.memory = memory
        self.codecs = codecs
        sharedMemoryBytes = options.sharedMemory.minimumBytes
        zeroCopyBytes = options.sockets.zeroCopyBytes
    }

    /// A step begins.
    func begin() {
        bytesSent = 0
        memory.openEpoch()
    }

    /// The step is over: nothing that was lent may be read any more.
    func end() {
        memory.closeEpoch()
        lent = []
    }

    /// Whether memory that was lent may still be read for the sake of `peer`.
    func isLending(to peer: Int) -> Bool { memory.isLending(to: peer) || transport.isLending(to: peer) }

    func send(_ message: AllReduceMessage, step: UInt64, to ranks: [Int]) throws(AllReduceError) {
        switch message {
        case .begin:
            for rank in ranks { try send(world.header(.begin, step: step), to: rank) }
        case .piggyback(let bytes):
            var header = world.header(.piggyback, step: step)
            header.count = UInt32(bytes.count)
            for rank in ranks { try send(header, bytes, to: rank) }
        case .contribution(let segment, let node, let floats):
            var header = world.header(.contribution, step: step, segment: segment)
            header.node = .init(level: UInt32(node.level), index: UInt32(node.index))
            try send(header.encoded(), floats, to: ranks)
        case .sum(let segment, let sumsOfSquares, let floats):
            var header = world.header(.result, step: step, segment: segment)
            header.partialSums = UInt32(sumsOfSquares.count)
            try send(header.encoded(sumsOfSquares: sumsOfSquares), floats, to: ranks)
        }
    }

    /// Sends a header, and bytes that are copied.
    func send(_ header: AllReduceHeader, _ bytes: [UInt8]? = nil, to rank: Int) throws(AllReduceError) {
        guard let bytes else { return try send(header.encoded(), .none, to: rank) }
        try sendCopied(header.encoded(), bytes, to: rank)
    }

    /// Sends floats, rounded already where the wire rounds, or says where they can be read. They are lent until the
    /// step is over.
    private func send(
        _ header: [UInt8], _ floats: UnsafeBufferPointer<Float>, to ranks: [Int]
    ) throws(AllReduceError) {
        var header = header
        var payload: EncodedPayload?
        for rank in ranks {
            if floats.count * 4 >= sharedMemoryBytes, let base = floats.baseAddress,
                let reference = memory.lend(base, to: rank)
            {
                header[AllReduceHeader.codeByte] = PayloadFormat.reference
                try sendCopied(header, reference.encoded, to: rank)
                continue
            }
            let encoded = payload ?? codecs.encode(floats)
            if payload == nil, let owner = encoded.owner { lent.append(owner) }
            payload = encoded
            header[AllReduceHeader.codeByte] = encoded.format.code
            let bytes = encoded.bytes
            try send(header, bytes.count >= zeroCopyBytes ? .lent(bytes) : .copied(bytes), to: rank)
        }
    }

    private func sendCopied(_ header: [UInt8], _ bytes: [UInt8], to rank: Int) throws(AllReduceError) {
        var outcome: Result<Void, AllReduceError> = .success(())
        bytes.withUnsafeBytes { raw in
            outcome = Result { () throws(AllReduceError) in try send(header, .copied(raw), to: rank) }
        }
        try outcome.get()
    }

    private func send(_ header: [UInt8], _ payload: OutgoingPayload, to rank: Int) throws(AllReduceError) {
        do throws(ZeroMQError) { try transport.send(header, payload, to: rank) } catch { throw .transport(error) }
        bytesSent += header.count + payload.count
    }
}
