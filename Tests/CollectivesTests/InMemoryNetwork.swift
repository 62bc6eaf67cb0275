import Logging
import Numerics
import Support

@testable import Collectives

/// A network in memory with a clock that the test moves: nothing happens on its own, and all in one thread.
///
/// `@unchecked Sendable` because the clock of the engines is a `@Sendable` closure; one thread uses it.
final class InMemoryNetwork: @unchecked Sendable {
    /// Seconds.
    var now = 0.0
    /// Chooses which of the arrivals that wait is next; messages of one sender stay in order.
    var generator = WireTests.SplitMix(state: 1)
    fileprivate var queues: [[Arrival]]
    fileprivate var isClosed: [Bool]

    init(worldSize: Int) {
        queues = [[Arrival]](repeating: [], count: worldSize)
        isClosed = [Bool](repeating: false, count: worldSize)
    }

    /// The id of the connection from a rank.
    static func connection(_ rank: Int) -> [UInt8] { [UInt8(rank)] }

    /// A message of `sender`, which need not be one of the transports here, is on its way to `rank`.
    func deliver(_ frames: [[UInt8]], from sender: [UInt8], to rank: Int, connection: Int32? = nil) {
        add(.message(sender: sender, frames: frames.map { InMemoryFrame($0, connection: connection) }), to: rank)
    }

    /// An answer of `peer` is on its way to `rank`.
    func deliverAnswer(_ frames: [[UInt8]], of peer: Int, to rank: Int) {
        add(.answer(peer: peer, frames: frames.map { InMemoryFrame($0) }), to: rank)
    }

    /// The connections to `rank` break.
    func disconnect(_ rank: Int) {
        isClosed[rank] = true
        queues[rank] = []
        for other in queues.indices where other != rank { add(.disconnected(peer: rank), to: other) }
    }

    /// Whether nothing is under way.
    var isQuiet: Bool { queues.allSatisfy(\.isEmpty) }

    fileprivate func add(_ arrival: Arrival, to rank: Int) {
        if !isClosed[rank] { queues[rank].append(arrival) }
    }

    /// Takes one of the oldest arrivals of the senders of `rank`, as chance has it.
    fileprivate func take(_ rank: Int, messages: Bool) -> Arrival? {
        var seen: Set<[UInt8]> = []
        let first = queues[rank].indices.filter { i in
            switch queues[rank][i] {
            case .message(let sender, _), .dropped(let sender, _): seen.insert(sender).inserted && messages
            case .answer(let peer, _), .droppedAnswer(let peer, _), .disconnected(let peer):
                seen.insert([0xff, UInt8(peer)]).inserted
            }
        }
        return first.randomElement(using: &generator).map { queues[rank].remove(at: $0) }
    }
}

/// A frame in memory that is its own.
final class InMemoryFrame: ReceivedFrame {
    let bytes: UnsafeRawBufferPointer
    let connection: Int32?
    private let memory: UnsafeMutableRawBufferPointer

    init(_ content: some Collection<UInt8>, connection: Int32? = nil) {
        memory = .allocate(byteCount: content.count, alignment: 64)
        memory.copyBytes(from: content)
        bytes = UnsafeRawBufferPointer(memory)
        self.connection = connection
    }

    deinit { memory.deallocate() }
}

/// The transport of one rank of an ``InMemoryNetwork``.
final class InMemoryTransport: Transport {
    let endpoint: String
    let wake: @Sendable () -> Void = {}
    /// Connections of no peer that were closed.
    private(set) var ended: [Int32] = []
    /// How often the next address of a peer was tried.
    private(set) var retries = 0
    private let network: InMemoryNetwork
    private let rank: Int

    init(_ network: InMemoryNetwork, rank: Int) {
        self.network = network
        self.rank = rank
        endpoint = "memory://\(rank)"
    }

    func connect(to peer: Int, at endpoint: String, now: Double) throws(AllReduceError) {
        guard endpoint.hasPrefix("memory://") else {
            throw .incompatiblePeer(
                peer: .init(rank: peer, endpoint: endpoint), reason: "nothing can connect to its endpoint")
        }
    }

    func retry(_ peer: Int, now: Double) throws(ZeroMQError) { retries += 1 }

    func send(_ header: [UInt8], _ payload: OutgoingPayload, to peer: Int) throws(ZeroMQError) {
        var frames = [InMemoryFrame(header)]
        switch payload {
        case .none: break
        case .copied(let bytes), .lent(let bytes): frames.append(InMemoryFrame(bytes))
        }
        network.add(.message(sender: InMemoryNetwork.connection(rank), frames: frames), to: peer)
    }

    func answer(_ frames: [[UInt8]], to sender: [UInt8]) {
        guard let peer = sender.first.map(Int.init), network.queues.indices.contains(peer) else { return }
        network.deliverAnswer(frames, of: rank, to: peer)
    }

    func isLending(to peer: Int) -> Bool { false }
    func wait(seconds: Double?, reading: Bool) throws(ZeroMQError) {}

    func receive(while wantsMessages: () -> Bool, _ handle: (Arrival) throws -> Void) throws {
        while let arrival = network.take(rank, messages: wantsMessages()) { try handle(arrival) }
    }

    func end(_ connection: Int32) { ended.append(connection) }
    func close(lingering seconds: Double) { if !network.isClosed[rank] { network.disconnect(rank) } }
}

/// Engines over an ``InMemoryNetwork``, in one thread. Some ranks may be played by the test.
final class SimulatedWorld {
    let network: InMemoryNetwork
    private(set) var engines: [Int: AllReduceEngine] = [:]
    private(set) var transports: [Int: InMemoryTransport] = [:]
    private(set) var refusals: [Int: RefusalLog] = [:]
    let lines = LockedArray<String>(repeating: "", count: 0)
    let worldSize: Int

    /// Options without shared memory and with small segments.
    static var options: AllReduceOptions {
        var options = AllReduceOptions()
        options.segmentFloats = 4096
        options.sharedMemory.isEnabled = false
        return options
    }

    init(_ worldSize: Int) {
        self.worldSize = worldSize
        network = InMemoryNetwork(worldSize: worldSize)
    }

    /// A world whose ranks are all there.
    convenience init(_ worldSize: Int, options: AllReduceOptions, generation: UInt64 = 1) {
        self.init(worldSize)
        for rank in 0..<worldSize { add(rank, options: options, generation: generation) }
    }

    /// Adds a rank, which may see the world its own way.
    func add(_ rank: Int, options: AllReduceOptions, worldSize: Int? = nil, generation: UInt64 = 1) {
        let world = WorldDescription(
            rank: rank, size: worldSize ?? self.worldSize, generation: generation,
            segmentFloats: options.segmentFloats, wire: options.wire)
        let transport = InMemoryTransport(network, rank: rank)
        let log = RefusalLog(Logger(lines: { [lines] in lines.append($0) }))
        transports[rank] = transport
        refusals[rank] = log
        engines[rank] = AllReduceEngine(
            world, transport: transport, clock: { [network] in network.now },
            mailbox: AllReduceMailbox(worldSize: world.size, wake: {}), refusals: log, options: options)
    }

    /// The state of a rank, as its users see it.
    func state(_ rank: Int) -> AllReduceMailbox.State? { engines[rank]?.mailbox.state }

    /// Why a rank has failed, if it has.
    func failure(_ rank: Int) -> AllReduceError? {
        guard case .failed(let error) = state(rank) else { return nil }
        return error
    }

    /// Lets everything happen that does not need time.
    func settle() {
        for _ in 0..<10_000 {
            for rank in engines.keys.sorted() { engines[rank]?.turn() }
            if network.queues.indices.allSatisfy({ engines[$0] == nil || network.queues[$0].isEmpty }) { return }
        }
    }

    /// The same after a while.
    func advance(_ seconds: Double) {
        network.now += seconds
        settle()
    }

    func post(_ command: AllReduceMailbox.Command, to rank: Int) { engines[rank]?.mailbox.post(command) }

    /// All ranks that are here meet.
    func connect() {
        for rank in engines.keys { connect(rank) }
        settle()
    }

    func connect(_ rank: Int) { post(.connect((0..<32).map { "memory://\($0)" }), to: rank) }

    /// Plays the peers that are not here until `rank` has met them.
    func meetScriptedPeers(_ rank: Int) {
        connect(rank)
        settle()
        guard let world = engines[rank]?.world else { return }
        for peer in world.others where engines[peer] == nil {
            var hello = world.header(.hello)
            hello.sender = UInt32(peer)
            network.deliver([hello.encoded()], from: InMemoryNetwork.connection(peer), to: rank)
            var welcome = world.header(.welcome)
            welcome.sender = UInt32(peer)
            network.deliverAnswer([welcome.encoded()], of: peer, to: rank)
        }
        settle()
    }

    /// Begins a step of two micro-batches for each rank over `floats`, and submits this rank's.
    ///
    /// - Returns: its buffer, which is the result, too.
    @discardableResult
    func begin(_ rank: Int, step: UInt64 = 1, floats: Int = 8192) throws -> Floats {
        guard let engine = engines[rank] else { return Floats([]) }
        let buffer = Floats((0..<floats).map { Float(rank + $0 % 5) })
        try engine.mailbox.begin(
            PlannedStep(
                ReductionStep(
                    number: step, tree: ReductionTree(leafCount: worldSize),
                    partition: (0..<worldSize).map { $0..<($0 + 1) }, buckets: [0..<floats], result: buffer.pointer),
                world: engine.world))
        let node = TreeNode(level: 0, index: rank)
        post(.submit(bucket: 0, contributions: [Contribution(node: node, base: buffer.pointer)]), to: rank)
        return buffer
    }

    func finish(_ rank: Int, piggyback: [UInt8] = []) throws {
        try engines[rank]?.mailbox.requestFinish(piggyback: piggyback)
        settle()
    }
}
