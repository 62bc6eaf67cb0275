import Numerics

/// The I/O thread of an ``AllReducer``: hands what arrives to the parts that it is made of, and gives waits up in time.
///
/// The parts: ``PeerHandshakes`` (who has met), ``AllReduceStep`` (the algorithm), ``AllReduceSender`` and
/// ``SharedMemoryLinks`` (how floats travel), ``EarlyMessages`` (flow control), ``StepTimer`` (time-outs),
/// ``RefusalLog`` and ``MisbehaviourCounter`` (what is not understood), over a ``Transport``.
final class AllReduceEngine {
    /// What the engine does now.
    private enum Activity {
        /// Between steps, or before the peers have met.
        case idle
        case reducing(AllReduceStep)
        /// All is closed; only ``AllReducer/close()`` is waited for.
        case failed
        case closed
    }

    let world: WorldDescription
    let transport: any Transport
    let clock: @Sendable () -> Double
    let mailbox: AllReduceMailbox
    let memory: SharedMemoryLinks
    let codecs: PayloadCodecs
    let sender: AllReduceSender
    var handshakes: PeerHandshakes
    var timer: StepTimer
    var otherMessages: OtherMessages
    private let summation = TreeSummation()
    private var activity = Activity.idle

    /// Messages that are not of the step under way.
    struct OtherMessages {
        /// Those of the next step.
        var early: EarlyMessages
        /// Those that were refused, by sender.
        var misbehaviour = MisbehaviourCounter()
        /// The same, for the log.
        let refusals: RefusalLog
    }

    /// An engine over `transport`.
    ///
    /// - Parameters:
    ///   - clock: Seconds that never go back.
    ///   - refusals: What the transport refuses is counted there, too.
    init(
        _ world: WorldDescription, transport: any Transport, clock: @escaping @Sendable () -> Double,
        mailbox: AllReduceMailbox, refusals: RefusalLog, options: AllReduceOptions
    ) {
        self.world = world
        self.transport = transport
        self.clock = clock
        self.mailbox = mailbox
        memory = SharedMemoryLinks(
            worldSize: world.size, isEnabled: options.sharedMemory.isEnabled,
            unreadable: options.sharedMemory.unreadable)
        codecs = PayloadCodecs(wire: options.wire, compresses: options.compresses, capacity: options.segmentFloats)
        sender = AllReduceSender(world, transport: transport, memory: memory, codecs: codecs, options: options)
        handshakes = PeerHandshakes(world, timeout: options.timeouts.connect)
        timer = StepTimer(options.timeouts)
        otherMessages = OtherMessages(
            early: EarlyMessages(
                worldSize: world.size,
                limits: .init(bytes: options.early.maxBytes, messages: options.early.maxMessages)),
            refusals: refusals)
    }

    // MARK: the loop

    /// Works until ``AllReducer/close()`` is called; `lingering` seconds are given to the last messages.
    func run(lingering: Double) {
        while !isClosed {
            attempt { try transport.wait(seconds: secondsToWait, reading: isReading) }
            turn()
        }
        memory.closeEpoch()
        // After a failure it is closed already.
        transport.close(lingering: lingering)
        mailbox.ended()
    }

    /// One turn: all commands, what has arrived, what is due.
    func turn() {
        for command in mailbox.take() { attempt { try perform(command) } }
        attempt { if isWorking { try transport.receive(while: { isReading }, receive) } }
        attempt { if isWorking { try checkDeadlines() } }
        completeIfDone()
    }

    private var isClosed: Bool {
        if case .closed = activity { true } else { false }
    }

    /// Whether anything is expected of it but to close.
    private var isWorking: Bool {
        switch activity {
        case .idle, .reducing: true
        case .failed, .closed: false
        }
    }

    /// The step under way.
    var step: AllReduceStep? {
        if case .reducing(let step) = activity { step } else { nil }
    }

    /// Whether messages of peers are read. Between steps only as many are kept: what is not read holds its senders
    /// back.
    private var isReading: Bool { step != nil || !otherMessages.early.isFull }

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
        if case .close = command {
            activity = .closed
            return
        }
        guard isWorking else { return }
        switch command {
        case .connect(let endpoints): try connect(to: endpoints)
        case .begin(let step): try begin(step)
        case .submit(let bucket, let contributions):
            guard let step else { throw AllReduceError.misuse("bucket \(bucket) submitted without a step under way") }
            timer.recordProgress(now: clock())
            try step.submit(bucket, contributions, sender)
        case .finish(let piggyback):
            timer.recordProgress(now: clock())
            try step?.finish(piggyback: piggyback, sender)
        case .abort(let reason): throw AllReduceError.aborted(reason: reason)
        case .close: break
        }
    }

    // MARK: a step

    private func begin(_ planned: PlannedStep) throws {
        let step = AllReduceStep(planned, wire: world.wire, summation: summation)
        activity = .reducing(step)
        timer.begin(step.number, now: clock())
        sender.begin()
        try step.begin(sender)
        for message in otherMessages.early.removeAll() { try receiveEarly(message, step) }
    }

    private func completeIfDone() {
        guard let step, step.progress.isFinishing, step.progress.isComplete,
            !world.others.contains(where: sender.isLending)
        else { return }
        let reduction = Reduction(
            sumOfSquares: step.sumOfSquares, bytesSent: sender.bytesSent,
            piggybacks: step.progress.piggybacks.map { $0 ?? [] })
        timer.end(now: clock())
        activity = .idle
        sender.end()
        mailbox.finished(reduction)
    }

    /// Ends everything but the wait for `close`. The mailbox learns it last: by then all lent memory is given back.
    private func fail(_ error: AllReduceError) {
        if case .closed = activity { return mailbox.failed(error) }
        // Before any memory is given back.
        memory.closeEpoch()
        transport.close(lingering: 0)
        sender.end()
        _ = otherMessages.early.removeAll()
        activity = .failed
        mailbox.failed(error)
    }

    // MARK: time

    private var secondsToWait: Double? {
        guard isWorking else { return nil }
        let deadlines = [handshakes.nextDeadline, stepDeadline].compactMap { $0 }
        return deadlines.min().map { max(0, $0 - clock()) }
    }

    /// When the wait of the step's caller is given up.
    private var stepDeadline: Double? {
        guard let step, step.progress.isFinishing else { return nil }
        return timer.deadline(trouble(step))
    }

    private func trouble(_ step: AllReduceStep) -> StepTimer.Trouble {
        var trouble = StepTimer.Trouble()
        trouble.memoryClosedAt = world.others.compactMap(memory.closedAt).min()
        if handshakes.hasLost {
            let awaited = step.progress.awaited.ranks
            trouble.neededPeerLostAt = world.others.filter { awaited.contains($0) || sender.isLending(to: $0) }
                .compactMap(handshakes.lostAt).min()
        }
        return trouble
    }

    private func checkDeadlines() throws {
        let now = clock()
        if let error = handshakes.timeoutError(now: now) { throw error }
        try sendHellosDue()
        guard let step, let deadline = stepDeadline, now >= deadline else { return }
        var (ranks, phase) = step.progress.awaited
        if ranks.isEmpty {
            ranks = world.others.sorted().filter(sender.isLending)
            phase = "waiting for peers to take what was sent"
        }
        if let lost = ranks.first(where: { handshakes.lostAt($0) != nil }) {
            throw AllReduceError.peerLost(peer: handshakes.address(lost), step: step.number, phase: phase)
        }
        if let peer = world.others.sorted().first(where: { memory.closedAt($0) != nil }) {
            memory.giveUpReading(peer)
            throw AllReduceError.unreadableMemory(
                peer: handshakes.address(peer), step: step.number, reason: "what it lent does not hold")
        }
        throw AllReduceError.timeout(
            peers: ranks.map(handshakes.address), step: step.number, phase: phase, seconds: timer.limit)
    }
}
