import Foundation
import Numerics

/// Where the threads that use an ``AllReducer`` and its I/O thread meet.
///
/// All mutable state is guarded by `condition`: hence `@unchecked Sendable`.
final class AllReduceMailbox: @unchecked Sendable {
    /// What the users' threads ask the I/O thread for.
    enum Command {
        case connect([String])
        case begin(PlannedStep)
        case submit(bucket: Int, contributions: [Contribution])
        case finish(piggyback: [UInt8])
        case abort(String)
        case close
    }

    /// How far the all-reduce has come, as its users see it.
    enum State: Equatable {
        /// The peers have not met.
        case unconnected
        /// No step is under way.
        case idle
        /// A step has begun.
        case reducing
        /// A user waits for the end of the step.
        case finishing
        /// The step is over; what it gave was not fetched yet.
        case finished(Reduction)
        /// Nothing goes on, for this reason.
        case failed(AllReduceError)
        /// The I/O thread has ended.
        case closed
    }

    private let wake: @Sendable () -> Void
    private let condition = NSCondition()
    private var commands: [Command] = []
    private var current: State
    private var lastStep: UInt64?
    private var hasEnded = false

    /// - Parameter wake: Called after a command was posted.
    init(worldSize: Int, wake: @escaping @Sendable () -> Void) {
        self.wake = wake
        // A world of one has met.
        current = worldSize == 1 ? .idle : .unconnected
    }

    /// The state now.
    var state: State { condition.withLock { current } }

    // MARK: from the users' threads

    func post(_ command: Command) {
        condition.withLock { commands.append(command) }
        wake()
    }

    func connect(to peers: [String]) throws(AllReduceError) {
        post(.connect(peers))
        try wait {
            switch $0 {
            case .unconnected, .closed: false
            default: true
            }
        }
    }

    func begin(_ step: PlannedStep) throws(AllReduceError) {
        try post(.begin(step)) { () throws(AllReduceError) in
            switch current {
            case .failed(let error): throw error
            case .closed: throw .misuse("begin after close")
            case .unconnected: throw .misuse("begin before connect")
            case .reducing, .finishing, .finished:
                throw .misuse("step \(step.number) begun before the last one was finished")
            case .idle: break
            }
            if let lastStep, step.number <= lastStep { throw .misuse("step \(step.number) after step \(lastStep)") }
            lastStep = step.number
            current = .reducing
        }
    }

    func finish(piggyback: [UInt8]) throws(AllReduceError) -> Reduction {
        try requestFinish(piggyback: piggyback)
        try wait { if case .finished = $0 { true } else { false } }
        return try fetch()
    }

    /// What the finished step gave; the next one can begin.
    func fetch() throws(AllReduceError) -> Reduction {
        let reduction: Reduction? = condition.withLock {
            guard case .finished(let reduction) = current else { return nil }
            current = hasEnded ? .closed : .idle
            return reduction
        }
        guard let reduction else { throw .misuse("the result of a step that is not finished") }
        return reduction
    }

    /// Asks for the end of the step, without waiting for it.
    func requestFinish(piggyback: [UInt8]) throws(AllReduceError) {
        try post(.finish(piggyback: piggyback)) { () throws(AllReduceError) in
            if case .failed(let error) = current { throw error }
            guard case .reducing = current else { throw .misuse("finish without a step under way") }
            guard piggyback.count <= Reduction.maxPiggybackBytes else {
                throw .misuse(
                    "a piggyback of \(piggyback.count) bytes, at most \(Reduction.maxPiggybackBytes) are sent")
            }
            current = .finishing
        }
    }

    func close() {
        post(.close)
        condition.withLock { while !hasEnded { condition.wait() } }
    }

    /// Posts a command if `check`, which moves the state on, does not throw.
    private func post(_ command: Command, _ check: () throws(AllReduceError) -> Void) throws(AllReduceError) {
        let outcome: Result<Void, AllReduceError> = condition.withLock {
            let outcome = Result { () throws(AllReduceError) in try check() }
            if case .success = outcome { commands.append(command) }
            return outcome
        }
        try outcome.get()
        wake()
    }

    /// Waits for `isDone` or the end of the engine, which keeps all time-outs and never goes without saying why.
    private func wait(for isDone: (State) -> Bool) throws(AllReduceError) {
        let problem: AllReduceError? = condition.withLock {
            while true {
                if case .failed(let error) = current { return error }
                if isDone(current) { return nil }
                if hasEnded { return .aborted(reason: "it was closed") }
                condition.wait()
            }
        }
        if let problem { throw problem }
    }

    // MARK: from the I/O thread

    func take() -> [Command] {
        condition.withLock {
            defer { commands = [] }
            return commands
        }
    }

    func connected() { move { if case .unconnected = $0 { $0 = .idle } } }

    func finished(_ reduction: Reduction) { move { if case .finishing = $0 { $0 = .finished(reduction) } } }

    func failed(_ error: AllReduceError) {
        move {
            if case .failed = $0 { return }
            $0 = .failed(error)
        }
    }

    func ended() {
        move {
            hasEnded = true
            switch $0 {
            case .failed, .finished: break
            default: $0 = .closed
            }
        }
    }

    private func move(_ change: (inout State) -> Void) {
        condition.withLock {
            change(&current)
            condition.broadcast()
        }
    }
}
