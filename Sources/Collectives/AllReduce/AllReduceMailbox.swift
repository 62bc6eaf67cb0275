import Foundation
import Numerics
import Synchronization

/// Where the threads that use an ``AllReducer`` and its I/O thread meet.
///
/// All mutable state is guarded by `condition`: hence `@unchecked Sendable`.
final class AllReduceMailbox: @unchecked Sendable {
    enum Command {
        case connect([String])
        case begin(AllReduceStep)
        case submit(bucket: Int, contributions: [Contribution])
        case finish(piggyback: [UInt8])
        case abort(String)
        case close
    }

    let wakeUp: WakeUp
    let segmentFloats: Int
    private let refusals = Atomic<Int>(0)

    private let condition = NSCondition()
    private var commands: [Command] = []
    private var isConnected: Bool
    private var isStepUnderWay = false
    private var isFinishing = false
    private var lastStep: UInt64?
    private var reduction: Reduction?
    private var failure: AllReduceError?
    private var hasEnded = false

    init(wakeUp: WakeUp, segmentFloats: Int, worldSize: Int) {
        self.wakeUp = wakeUp
        self.segmentFloats = segmentFloats
        // Alone there is nobody to meet.
        isConnected = worldSize == 1
    }

    // MARK: from the users' threads

    func post(_ command: Command) {
        condition.withLock { commands.append(command) }
        wakeUp.notify()
    }

    func connect(to peers: [String]) throws(AllReduceError) {
        post(.connect(peers))
        try wait { isConnected }
    }

    func begin(_ step: AllReduceStep) throws(AllReduceError) {
        let problem: AllReduceError? = condition.withLock {
            if let failure { return failure }
            if hasEnded { return .misuse("begin after close") }
            if !isConnected { return .misuse("begin before connect") }
            if isStepUnderWay { return .misuse("step \(step.number) begun before the last one was finished") }
            if let lastStep, step.number <= lastStep { return .misuse("step \(step.number) after step \(lastStep)") }
            isStepUnderWay = true
            lastStep = step.number
            reduction = nil
            commands.append(.begin(step))
            return nil
        }
        if let problem { throw problem }
        wakeUp.notify()
    }

    func finish(piggyback: [UInt8]) throws(AllReduceError) -> Reduction {
        let problem: AllReduceError? = condition.withLock {
            if let failure { return failure }
            if !isStepUnderWay || isFinishing { return .misuse("finish without a step under way") }
            if piggyback.count > Reduction.maxPiggybackBytes {
                return .misuse(
                    "a piggyback of \(piggyback.count) bytes, at most \(Reduction.maxPiggybackBytes) are sent")
            }
            isFinishing = true
            commands.append(.finish(piggyback: piggyback))
            return nil
        }
        if let problem { throw problem }
        wakeUp.notify()
        try wait { reduction != nil }
        return condition.withLock {
            isStepUnderWay = false
            isFinishing = false
            return reduction ?? Reduction(sumOfSquares: 0, bytesSent: 0, piggybacks: [])
        }
    }

    func close() {
        post(.close)
        condition.withLock { while !hasEnded { condition.wait() } }
    }

    var refusedMessages: Int { refusals.load(ordering: .relaxed) }

    /// Waits for `done` or the end of the engine, which keeps all time-outs and never goes without saying why.
    private func wait(for done: () -> Bool) throws(AllReduceError) {
        let problem: AllReduceError? = condition.withLock {
            while failure == nil, !done() {
                if hasEnded { return .aborted(reason: "it was closed") }
                condition.wait()
            }
            return failure
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

    func connected() {
        condition.withLock {
            isConnected = true
            condition.broadcast()
        }
    }

    func finished(_ reduction: Reduction) {
        condition.withLock {
            self.reduction = reduction
            condition.broadcast()
        }
    }

    func failed(_ error: AllReduceError) {
        condition.withLock {
            if failure == nil { failure = error }
            condition.broadcast()
        }
    }

    func ended() {
        condition.withLock {
            hasEnded = true
            condition.broadcast()
        }
    }

    func countRefusal() { refusals.add(1, ordering: .relaxed) }
}
