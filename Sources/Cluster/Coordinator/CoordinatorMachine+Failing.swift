/// What happens when a worker says that it cannot go on.
extension CoordinatorMachine {
    /// A failure whose best explanation is still being waited for.
    struct Failing: Sendable {
        /// When to stop waiting.
        var deadline: Double
        /// The explanation so far.
        var error: RunError
        /// The ranks that have reported a failure.
        var reported: Set<Int>
        /// The first micro-batch that is not finite, with who found it and the steps that it has applied.
        var nonFinite: NonFinite?

        struct NonFinite: Sendable {
            var message: String
            var microBatch: Int
            var rank: Int
            var applied: UInt64
        }
    }

    mutating func workerFailed(_ index: Int, _ failure: WorkerFailure, applied: UInt64, _ now: Double) {
        let name = members[index].name
        switch failure.kind {
        case .fatal, .order:
            guard needsWorkers else { return }
            end(.failure(.workerLost("\(name) failed \(activity): \(failure.message)")))
        case .peer, .nonFinite:
            var failing: Failing
            switch phase {
            case .failing(let known): failing = known
            case .connecting, .training:
                // A worker that dies is missed by its peers at once, but only its exit tells why.
                failing = Failing(
                    deadline: now + settings.blameSeconds,
                    error: .workerLost("\(name) failed \(activity): \(failure.message)"), reported: [])
            default: return
            }
            failing.reported.insert(members[index].rank)
            if failure.kind == .nonFinite {
                if failing.nonFinite == nil { failing.deadline = now + settings.nonFiniteSeconds }
                let found = Failing.NonFinite(
                    message: failure.message, microBatch: failure.microBatch ?? .max, rank: members[index].rank,
                    applied: applied)
                if failing.nonFinite.map({ found.microBatch < $0.microBatch }) ?? true { failing.nonFinite = found }
            }
            phase = .failing(failing)
            if failing.nonFinite != nil, failing.reported.count == members.count { failingTimedOut(failing, now) }
        }
    }

    mutating func failingTimedOut(_ failing: Failing, _ now: Double) {
        guard let nonFinite = failing.nonFinite else {
            end(.failure(failing.error))
            return
        }
        // Those that wait for the failed ones in the all-reduce must let go of the step.
        broadcast(.abandon("a loss or gradient is not finite"))
        fetchCheckpoint(.failed(nonFinite.message), from: nonFinite.rank, step: Int(clamping: nonFinite.applied))
    }
}
