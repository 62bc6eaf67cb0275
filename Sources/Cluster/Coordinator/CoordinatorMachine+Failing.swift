/// What happens when a worker says that it cannot go on.
extension CoordinatorMachine {
    /// Workers that others blame, and that have not given a sign of life since.
    struct Suspicion: Sendable {
        /// When they count as lost.
        var deadline: Double
        /// What was told of each.
        var blamed: [PeerID: String]
    }

    /// A loss or gradient that is not finite, of which the other workers' view is still being waited for.
    struct Failing: Sendable {
        /// When to stop waiting.
        var deadline: Double
        /// The explanation so far.
        var message: String
        var microBatch: Int
        /// Who has reported a failure.
        var reported: Set<PeerID>
    }

    mutating func workerFailed(
        _ index: Int, _ failure: WorkerFailure, in generation: UInt64, applied: Int, _ now: Double
    ) {
        let member = members[index]
        switch failure.kind {
        case .fatal, .order:
            guard needsWorkers else { return }
            if hasBegun || settings.isResumed {
                lose(member.peer, why: "failed (\(failure.message))", now)
            } else {
                // Before anything has worked, the next one would fail as well.
                end(.failure(.workerLost("\(member.name) failed \(activity): \(failure.message)")))
            }
        case .nonFinite: notFinite(member, failure, now)
        case .peer:
            if case .failing(var failing) = phase {
                failing.reported.insert(member.peer)
                phase = .failing(failing)
                endIfAllReported(failing, now)
                return
            }
            guard generation == self.generation, needsWorkers, !settled else { return }
            if case .connecting = phase, let problem = Reach(failure.phase) {
                missed(member, problem, failure.peers, now)
                return
            }
            suspect(member, failure, now)
        }
    }

    /// Whether no generation is at work: nobody can be missed.
    private var settled: Bool {
        switch phase {
        case .gathering, .awaitingCheckpoint, .restoring, .saving, .ended: true
        default: false
        }
    }

    /// A worker misses others. Those that answer now are well, and a new generation is all that is needed; those that do
    /// not are lost. (A worker that was killed is missed by its peers at once, a child's death is told by the system; but
    /// nobody tells of the death of a worker elsewhere.)
    private mutating func suspect(_ member: Member, _ failure: WorkerFailure, _ now: Double) {
        var suspicion = suspicion ?? Suspicion(deadline: now + settings.suspicionSeconds, blamed: [:])
        let blamed = failure.peers.compactMap { rank in members.first { $0.rank == rank } }
        for other in blamed where other.peer != member.peer && suspicion.blamed[other.peer] == nil {
            suspicion.blamed[other.peer] = "is missed by \(member.name)"
            send(other.peer, .heartbeat(wantsReply: true))
        }
        self.suspicion = suspicion
        if suspicion.blamed.isEmpty { formGeneration(now) }
    }

    /// A member gave a sign of life.
    mutating func isCleared(_ peer: PeerID, _ now: Double) {
        guard var suspicion, suspicion.blamed.removeValue(forKey: peer) != nil else { return }
        self.suspicion = suspicion
        if suspicion.blamed.isEmpty, needsWorkers, !settled {
            if case .failing = phase { return }
            formGeneration(now)
        }
    }

    mutating func convict(_ suspicion: Suspicion, _ now: Double) {
        self.suspicion = nil
        for (peer, why) in suspicion.blamed { lose(peer, why: why + " and does not answer", now) }
    }

    // MARK: not finite

    private mutating func notFinite(_ member: Member, _ failure: WorkerFailure, _ now: Double) {
        let found = failure.microBatch ?? .max
        var failing: Failing
        switch phase {
        case .failing(let known):
            failing = known
            if found < failing.microBatch {
                failing.microBatch = found
                failing.message = failure.message
            }
        case .saving, .fetching, .ended: return
        default:
            suspicion = nil
            failing = Failing(
                deadline: now + settings.nonFiniteSeconds, message: failure.message, microBatch: found, reported: [])
        }
        failing.reported.insert(member.peer)
        phase = .failing(failing)
        endIfAllReported(failing, now)
    }

    mutating func endIfAllReported(_ failing: Failing, _ now: Double) {
        if members.allSatisfy({ failing.reported.contains($0.peer) }) { failingTimedOut(failing, now) }
    }

    mutating func failingTimedOut(_ failing: Failing, _ now: Double) {
        // A generation of its own, so that everyone tells which steps it has applied.
        ending = .failed(failing.message)
        formGeneration(now)
    }
}
