import Foundation
import Numerics
import Support

/// The I/O thread of an ``AllReducer``: sockets, the step under way, what is parked for the next.
///
/// After `init`, everything is used by the thread in ``run()`` alone: hence `@unchecked Sendable`.
final class AllReduceEngine: @unchecked Sendable {
    struct Peer {
        var endpoint = ""
        /// We send here, to the ROUTER that the peer bound.
        var dealer: ZeroMQSocket?
        /// Readable when that connection has broken.
        var disconnections: ZeroMQSocket?
        /// Over the addresses of its host.
        var rotation: AddressRotation?
        /// What the peer's messages come under, on our ROUTER.
        var identity: [UInt8]?
        var hasWelcomed = false
        /// Since when its connection has been lost.
        var lostAt: Double?
        let lent: ZeroCopyCounter
        /// What it must be able to show us before we read its memory.
        let challenge = MemoryBoard.makeChallenge()
        /// Its memory, if we can read it.
        var memory: PeerMemory?
        /// Whether it can read ours.
        var readsMemory = false
        /// What it was told to read and has not read yet.
        var borrowed = 0

        /// Since when something in its memory has not held any more, though it was told in the step under way.
        var withdrewAt: Double?
        /// Its messages that were refused.
        var refused = 0
        /// The step to come of which it has sent messages already, and their bytes.
        var parkedStep: UInt64?
        var parkedBytes = 0

        /// Whether memory that we lent may still be read for its sake.
        var usesLentMemory: Bool { borrowed > 0 || lent.outstanding > 0 }
    }

    struct Parked {
        var rank: Int
        var header: AllReduceHeader
        var frames: [ZeroMQMessage]
        var bytes: Int
    }

    let rank: Int
    let worldSize: Int
    let generation: UInt64
    let options: AllReduceOptions
    let mailbox: AllReduceMailbox
    let endpoint: String

    private var context: ZeroMQContext?
    private var gatekeeper: CurveGatekeeper?
    /// What the gatekeeper lets in is known to it.
    let door = ConnectionGate.Slot()
    /// Messages that made no sense, by the connections of senders that nobody knows.
    var nonsense: [Int32: Int] = [:]
    var strangersTold = 0
    /// So many messages that make no sense are put up with.
    static let patience = 64
    /// Seconds that a peer whose lent memory does not hold any more has to close its connection, as one that fails
    /// does.
    private static let withdrawalSeconds = 2.0
    /// Messages refused so far, by this thread.
    var refusedCount = 0
    var router: ZeroMQSocket?
    var peers: [Peer]
    var rankOf: [[UInt8]: Int] = [:]
    var step: AllReduceStep?
    /// The newest step begun.
    var lastStep: UInt64?
    var parked: [Parked] = []
    var parkedBytes = 0
    /// Of the I/O thread alone.
    let codec: PayloadCodec
    /// nil where memory is not shared.
    let board: MemoryBoard?
    var scratch: UnsafeMutablePointer<Float>?
    var scratchFloats = 0

    private var poller = ZeroMQPoller()
    private var routerEntry: Int?
    private var dealerEntries: [(rank: Int, dealer: Int, monitor: Int)] = []
    private(set) var connectDeadline: Double?
    private var nextHello = 0.0
    /// What the step before took.
    private var lastStepSeconds: Double?
    private var isStopped = false
    private var hasFailed = false
    var refusalsTold: Set<String> = []

    init(
        rank: Int, worldSize: Int, generation: UInt64, endpoint: String, options: AllReduceOptions,
        mailbox: AllReduceMailbox
    ) throws(ZeroMQError) {
        self.rank = rank
        self.worldSize = worldSize
        self.generation = generation
        self.options = options
        self.mailbox = mailbox
        codec = PayloadCodec(wire: options.wire, compresses: options.compresses, capacity: options.segmentFloats)
        board = options.sharesMemory && worldSize > 1 ? MemoryBoard(worldSize: worldSize) : nil
        peers = (0..<worldSize).map { _ in Peer(lent: ZeroCopyCounter(drained: mailbox.wakeUp)) }
        poller.add(fileDescriptor: mailbox.wakeUp.fileDescriptor)
        guard worldSize > 1 else {
            self.endpoint = ""
            return
        }
        // Within a process, the library hands pointers over instead of bytes: our zero-copy rules would not hold.
        guard endpoint.hasPrefix("tcp://") || endpoint.hasPrefix("ipc://") else {
            throw ZeroMQError(operation: "bind to", endpoint: endpoint, code: EPROTONOSUPPORT)
        }
        let context = try ZeroMQContext(ioThreads: options.ioThreads, peers: worldSize - 1)
        self.context = context
        var socketOptions = ZeroMQSocketOptions()
        socketOptions.maxMessageBytes = Int64(options.largestFrameBytes + 4096)
        socketOptions.receiveHighWaterMark = options.receiveHighWaterMark
        socketOptions.routerMandatory = true
        socketOptions.backlog += Int32(clamping: worldSize)
        socketOptions.sendBufferBytes = options.bufferBytes(for: endpoint)
        socketOptions.receiveBufferBytes = options.bufferBytes(for: endpoint)
        if let security = options.security {
            socketOptions.curve = .server(security.own)
            let (allowed, note) = (Set(security.ranks), options.onRefusal)
            let (told, door) = (LogDeduplicator(), door)
            gatekeeper = try CurveGatekeeper(
                context, allows: allowed.contains, admitted: { door.gate?.admitted($0) }
            ) { key, address in
                mailbox.countRefusal()
                let line = "refused a connection from \(address): its key is not that of a peer"
                if told.shouldLog(line) { note?(line) }
            }
        }
        let router = try ZeroMQSocket(context, type: .router, options: socketOptions)
        self.endpoint = try router.bind(endpoint)
        self.router = router
        door.gate = try router.guardConnections(.init(expected: worldSize)) { [note = options.onRefusal] in note?($0) }
        routerEntry = poller.add(router)
    }

    deinit { scratch?.deallocate() }

    static func now() -> Double { monotonicSeconds() }

    var limits: ZeroMQLimits {
        ZeroMQLimits(frames: 3, bytes: options.largestFrameBytes + options.segmentFloats / 512 + 512)
    }

    // MARK: the loop

    func run() {
        while !isStopped {
            if let routerEntry {
                // Over the limit between steps: what is not read holds its senders back.
                poller.enable(routerEntry, step != nil || !isParkedFull)
            }
            attempt { _ = try poller.wait(milliseconds: sleepMilliseconds()) }
            mailbox.wakeUp.clear()
            for command in mailbox.take() { attempt { try perform(command) } }
            attempt { try receive() }
            attempt { try checkTime() }
            completeIfDone()
        }
        board?.endLending()
        closeSockets(linger: hasFailed ? 0 : options.closeTimeout)
        step = nil
        mailbox.ended()
    }

    /// Whether no more is kept for steps to come.
    var isParkedFull: Bool {
        parkedBytes > options.maxParkedBytes || parked.count >= options.maxParkedMessages
    }

    private func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch let error as AllReduceError {
            fail(error)
        } catch let error as ZeroMQError {
            fail(.transport(error))
        } catch {
            fail(.aborted(reason: "\(error)"))
        }
    }

    private func perform(_ command: AllReduceMailbox.Command) throws {
        if case .close = command { isStopped = true }
        guard !hasFailed, !isStopped else { return }
        switch command {
        case .connect(let endpoints): try connect(to: endpoints)
        case .begin(let step): try begin(step)
        case .submit(let bucket, let contributions): try submit(bucket, contributions)
        case .finish(let piggyback):
            guard let step else { break }
            step.isFinishing = true
            step.lastProgress = Self.now()
            try send(piggyback: piggyback, step)
        case .abort(let reason): throw AllReduceError.aborted(reason: reason)
        case .close: break
        }
    }

    private func receive() throws {
        guard !hasFailed, !isStopped else { return }
        if let routerEntry, poller.isReadable(routerEntry), let router {
            // Not for ever: commands and the clock want their turn.
            for _ in 0..<64 {
                if step == nil, isParkedFull { break }
                do {
                    guard let frames = try router.receive(limits: limits, wait: false) else { break }
                    try handle(frames)
                } catch let refused as ZeroMQMessageRefused {
                    refuse(rankOf[refused.firstFrame], refused.description)
                }
            }
        }
        for entry in dealerEntries {
            if poller.isReadable(entry.dealer) { try receiveAnswer(from: entry.rank) }
            if poller.isReadable(entry.monitor), let monitor = peers[entry.rank].disconnections {
                while (try? monitor.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false)) != nil {}
                if peers[entry.rank].hasWelcomed, peers[entry.rank].lostAt == nil {
                    peers[entry.rank].lostAt = Self.now()
                }
            }
        }
    }

    private func completeIfDone() {
        guard let step, step.isFinishing, step.isComplete, !peers.contains(where: \.usesLentMemory) else { return }
        // In the order of the chunks, whoever computed them.
        let reduction = Reduction(
            sumOfSquares: step.partialSums.reduce(0, +), bytesSent: step.bytesSent,
            piggybacks: step.piggybacks.map { $0 ?? [] })
        lastStepSeconds = Self.now() - step.begunAt
        self.step = nil
        board?.endLending()
        mailbox.finished(reduction)
    }

    // MARK: time

    /// Seconds without progress that are too many.
    private var stepTimeout: Double {
        lastStepSeconds.map { max(options.stepTimeout, options.stepTimeoutFactor * $0) }
            ?? options.firstStepTimeout ?? options.stepTimeout
    }

    /// When the wait under way is given up.
    private func stepDeadline(_ step: AllReduceStep) -> Double? {
        guard step.isFinishing else { return nil }
        var usual = step.lastProgress + stepTimeout
        if let withdrewAt = peers.compactMap(\.withdrewAt).min() {
            usual = min(usual, withdrewAt + Self.withdrawalSeconds)
        }
        guard peers.contains(where: { $0.lostAt != nil }) else { return usual }
        let needed = step.waitingFor().ranks
        let lost = peers.indices.filter { needed.contains($0) || peers[$0].usesLentMemory }
            .compactMap { peers[$0].lostAt }.min()
        guard let lost else { return usual }
        return min(usual, max(lost, step.lastProgress) + options.lostPeerGrace)
    }

    private func sleepMilliseconds() -> Int? {
        var deadlines: [Double] = []
        if let connectDeadline { deadlines += [connectDeadline, nextHello] }
        if let step, let deadline = stepDeadline(step) { deadlines.append(deadline) }
        guard let first = deadlines.min() else { return nil }
        return Int(max(0, min(60, first - Self.now())) * 1000) + 1
    }

    func address(_ rank: Int) -> AllReduceError.PeerAddress {
        AllReduceError.PeerAddress(rank: rank, endpoint: peers[rank].endpoint)
    }

    private func checkTime() throws(AllReduceError) {
        let now = Self.now()
        if let connectDeadline {
            if now >= connectDeadline { throw missed() }
            if now >= nextHello { try sendHellos() }
        }
        guard let step, let deadline = stepDeadline(step), now >= deadline else { return }
        var (ranks, phase) = step.waitingFor()
        if ranks.isEmpty {
            ranks = peers.indices.filter { peers[$0].usesLentMemory }
            phase = "waiting for peers to take what was sent"
        }
        if let lost = ranks.first(where: { peers[$0].lostAt != nil }) {
            throw .peerLost(peer: address(lost), step: step.number, phase: phase)
        }
        if let peer = peers.indices.first(where: { peers[$0].withdrewAt != nil }) {
            throw unreadable(peer, "what it lent does not hold")
        }
        throw .timeout(peers: ranks.map(address), step: step.number, phase: phase, seconds: stepTimeout)
    }

    /// Those that this rank does not reach; else those that do not reach it.
    private func missed() -> AllReduceError {
        let unreachable = peers.indices.filter { $0 != rank && !peers[$0].hasWelcomed }
        let absent = peers.indices.filter { $0 != rank && peers[$0].identity == nil }
        return .timeout(
            peers: (unreachable.isEmpty ? absent : unreachable).map(address), step: nil,
            phase: unreachable.isEmpty ? AllReduceError.beingReached : AllReduceError.reaching,
            seconds: options.connectTimeout)
    }

    // MARK: meeting the peers

    private func connect(to endpoints: [String]) throws {
        guard worldSize > 1, connectDeadline == nil else { return mailbox.connected() }
        guard let context else { throw AllReduceError.aborted(reason: "it was closed") }
        for peer in 0..<worldSize where peer != rank {
            guard endpoints[peer].hasPrefix("tcp://") || endpoints[peer].hasPrefix("ipc://") else {
                throw AllReduceError.incompatiblePeer(
                    peer: .init(rank: peer, endpoint: endpoints[peer]), reason: "nothing can connect to its endpoint")
            }
            var socketOptions = ZeroMQSocketOptions()
            // What is queued is bounded by the step, and never copied: no mark, so that sends never fail half-way.
            socketOptions.sendHighWaterMark = 0
            socketOptions.receiveHighWaterMark = 16
            socketOptions.maxMessageBytes = 4096
            socketOptions.sendBufferBytes = options.bufferBytes(for: endpoints[peer])
            socketOptions.receiveBufferBytes = options.bufferBytes(for: endpoints[peer])
            if let security = options.security {
                socketOptions.curve = .client(security.own, server: security.ranks[peer])
            }
            let dealer = try ZeroMQSocket(context, type: .dealer, options: socketOptions)
            let monitor = try dealer.disconnections(name: "\(peer)")
            do {
                peers[peer].rotation = try AddressRotation(connecting: dealer, to: endpoints[peer], now: Self.now())
            } catch {
                // What a peer has said of itself is its fault, not this rank's.
                throw AllReduceError.incompatiblePeer(
                    peer: .init(rank: peer, endpoint: endpoints[peer]), reason: "\(error)")
            }
            peers[peer].endpoint = endpoints[peer]
            peers[peer].dealer = dealer
            peers[peer].disconnections = monitor
            dealerEntries.append((peer, poller.add(dealer), poller.add(monitor)))
        }
        connectDeadline = Self.now() + options.connectTimeout
        try sendHellos()
    }

    private func isMet(_ peer: Int) -> Bool { peers[peer].hasWelcomed && peers[peer].identity != nil }

    /// Says hello to those that have not answered: again and again, as a first one can be lost to a dying predecessor
    /// at the same endpoint.
    private func sendHellos() throws(AllReduceError) {
        nextHello = Self.now() + 0.5
        for peer in 0..<worldSize where peer != rank && !peers[peer].hasWelcomed {
            do throws(ZeroMQError) {
                if let dealer = peers[peer].dealer { try peers[peer].rotation?.turn(dealer, now: Self.now()) }
            } catch { throw .transport(error) }
            let hello = header(.hello, code: PayloadFormat(wire: codec.wire, isCompressed: false).code)
            try send(hello, board == nil ? nil : peers[peer].challenge, to: peer)
        }
    }

    func becomeConnectedIfMet() {
        guard connectDeadline != nil, (0..<worldSize).allSatisfy({ $0 == rank || isMet($0) }) else { return }
        connectDeadline = nil
        mailbox.connected()
    }

    private func receiveAnswer(from peer: Int) throws {
        guard let dealer = peers[peer].dealer else { return }
        while true {
            do {
                guard let frames = try dealer.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false) else {
                    return
                }
                switch frames[0].withBytes(AllReduceHeader.decode) {
                case .otherVersion: throw incompatible(peer, .version)
                case .malformed(let reason): refuse(peer, reason)
                case .header(let header) where header.kind == .welcome && header.generation == generation:
                    peers[peer].hasWelcomed = true
                    try meetInMemory(peer, frames.count > 1 ? frames[1].withBytes(MemoryLocation.init) : nil)
                    becomeConnectedIfMet()
                case .header(let header) where header.kind == .refusal && connectDeadline != nil:
                    throw incompatible(peer, AllReduceHeader.Reason(rawValue: header.code) ?? .rank)
                case .header(let header): refuse(peer, "an unexpected answer (\(header.kind))")
                }
            } catch let refused as ZeroMQMessageRefused {
                refuse(peer, refused.description)
            }
        }
    }

    private func incompatible(_ peer: Int, _ reason: AllReduceHeader.Reason) -> AllReduceError {
        .incompatiblePeer(peer: address(peer), reason: reason.text)
    }

    // MARK: the end

    /// Ends everything but the wait for `close`. The mailbox learns it last: by then all lent memory is given back.
    private func fail(_ error: AllReduceError) {
        hasFailed = true
        // Before any memory is given back.
        board?.endLending()
        closeSockets(linger: 0)
        step = nil
        parked = []
        parkedBytes = 0
        connectDeadline = nil
        mailbox.failed(error)
    }

    private func closeSockets(linger seconds: Double) {
        poller = ZeroMQPoller()
        poller.add(fileDescriptor: mailbox.wakeUp.fileDescriptor)
        routerEntry = nil
        dealerEntries = []
        for socket in [router] + peers.map(\.dealer) {
            // Fails only for a context that is gone, and then there is nothing to linger for.
            try? socket?.setLinger(Int32(seconds * 1000))
            socket?.close()
        }
        for peer in peers.indices {
            peers[peer].disconnections?.close()
            peers[peer].disconnections = nil
            peers[peer].dealer = nil
        }
        router = nil
        gatekeeper?.close()
        gatekeeper = nil
        context?.terminate()
        context = nil
    }
}
