/// Finds workers that died, and workers that live and do no work.
///
/// Three signs count: silence for longer than the heartbeat timeout; a suspicion by other workers that is not refuted
/// in time (the terms are those of SWIM: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style
/// Process Group Membership Protocol", DSN 2002; here it is the coordinator that probes a suspected worker and confirms
/// its failure); and a stall: an answer that is owed for too long, while others owe none.
struct FailureDetector: Sendable {
    /// Workers that others do not reach, and that have given no sign of life since.
    private struct Suspicion: Sendable {
        /// It is over with the generation.
        let generation: UInt64
        /// When their failure is confirmed.
        var deadline: Double
        /// Why, of each.
        var suspected: [PeerID: String] = [:]
        /// Those that reported an unreachable peer: they live.
        var reporters: Set<PeerID> = []
        /// The suspected are stalled: the others have waited so long that a heartbeat does not clear them.
        var isStall = false
    }

    /// What a suspicion leads to.
    enum Verdict: Sendable {
        /// The suspected have time to refute it.
        case wait
        /// All that were suspected live.
        case refuted
        /// This worker is to be replaced.
        case confirmFailed(Failed)
    }

    /// A worker whose failure is confirmed. One that stalls is sent the reason, as it may read still.
    struct Failed: Sendable {
        var peer: PeerID
        var why: String
        var isStall: Bool
    }

    /// Attempts in a row in which others do not reach a worker that lives, after which the run goes on without it.
    private static let maxStrikes = 5
    /// Seconds that a worker that others wait for in vain has to report an unreachable peer, too.
    private static let secondsToAnswer = 5.0
    /// If two ticks are further apart than this, the process was suspended (SIGSTOP, sleep).
    private static let longestPause = 2.0

    private let settings: CoordinatorSettings
    private var suspicion: Suspicion?
    /// How often each worker was suspected since a step was last completed, once a generation at most.
    private var failureCounts: [PeerID: Int] = [:]
    private var pace = StepPace()
    private var lastHeartbeat = -Double.infinity
    private var lastTick: Double

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        lastTick = settings.startedAt
    }

    // MARK: time

    /// The seconds for which this process was suspended before this tick, and received nothing; 0 if it was not.
    mutating func suspendedSeconds(_ now: Double) -> Double {
        let pause = now - lastTick
        lastTick = now
        return pause > Self.longestPause ? pause : 0
    }

    /// Whether it is time to send heartbeats; they count as sent then.
    mutating func isHeartbeatDue(_ now: Double) -> Bool {
        guard now - lastHeartbeat >= settings.heartbeatInterval else { return false }
        lastHeartbeat = now
        return true
    }

    /// Those that were silent for longer than the heartbeat timeout.
    func silent(among records: [WorkerRecord], _ now: Double) -> [Failed] {
        records.filter { now - $0.lastHeard > settings.heartbeatTimeout }.map {
            Failed(peer: $0.peer, why: "gave no sign of life for \(settings.heartbeatTimeout) s", isStall: false)
        }
    }

    // MARK: progress

    /// A step was completed, in so many seconds.
    mutating func stepCompleted(seconds: Double) {
        failureCounts.removeAll()
        pace.add(seconds)
    }

    // MARK: stalls

    /// Seconds after which a worker that owes an answer, while others do not, counts as failed.
    var stallLimit: Double {
        pace.median.map { max(settings.stallSeconds, settings.stallFactor * $0) } ?? settings.firstStallSeconds
    }

    /// Notes which members owe an answer now, and finds those that have owed one for too long. Where all do, they are
    /// slow, and none has failed.
    func stalled(among members: inout [WorkerRecord], owing: [Bool], _ now: Double) -> [Failed] {
        for i in members.indices {
            members[i].owesSince = owing[i] ? members[i].owesSince ?? now : nil
        }
        let limit = stallLimit
        let late = members.filter { $0.owesSince.map { now - $0 > limit } ?? false }
        guard late.count < members.count else { return [] }
        return late.map {
            Failed(peer: $0.peer, why: "did none of its work for \(Int(limit.rounded(.up))) s", isStall: true)
        }
    }

    // MARK: suspicion

    private func current(_ turn: Turn) -> Suspicion? { suspicion?.generation == turn.generation ? suspicion : nil }

    /// A member does not reach the peers of these ranks. Those that answer now are well, and a new generation is all
    /// that is needed; those that do not have failed. (Its peers notice at once when a worker is killed, and the system
    /// reports a child's death; but nothing reports the death of a worker elsewhere.)
    ///
    /// - Parameter waited: The seconds since the last step, while training.
    mutating func reportUnreachable(
        by reporter: WorkerRecord, ranks: [Int], members: [WorkerRecord], waited: Double?, _ turn: inout Turn
    ) -> Verdict {
        var suspicion =
            current(turn)
            ?? Suspicion(generation: turn.generation, deadline: turn.now + settings.suspicionSeconds)
        suspicion.reporters.insert(reporter.peer)
        suspicion.suspected[reporter.peer] = nil
        if let waited, waited >= stallLimit / 2, !suspicion.isStall {
            suspicion.isStall = true
            suspicion.deadline = turn.now + Self.secondsToAnswer
        }
        for other in ranks.compactMap({ rank in members.first { $0.rank == rank } })
        where other.peer != reporter.peer && suspicion.suspected[other.peer] == nil
            && !suspicion.reporters.contains(other.peer)
        {
            failureCounts[other.peer, default: 0] += 1
            suspicion.suspected[other.peer] = "is missed by \(reporter.name)"
            turn.send(.heartbeat(wantsReply: true), to: other.peer)
        }
        self.suspicion = suspicion
        if let worst = members.max(by: {
            (failureCounts[$0.peer] ?? 0, $0.number) < (failureCounts[$1.peer] ?? 0, $1.number)
        }),
            let count = failureCounts[worst.peer], hasFailedTooOften(count, members)
        {
            let why = "was missed by others in \(count) attempts in a row"
            return .confirmFailed(Failed(peer: worst.peer, why: why, isStall: true))
        }
        return suspicion.suspected.isEmpty ? .refuted : .wait
    }

    /// Whether a worker that was suspected so often is the one at fault: those that suspect each other get twice the
    /// time.
    private func hasFailedTooOften(_ count: Int, _ members: [WorkerRecord]) -> Bool {
        let others = members.compactMap { failureCounts[$0.peer] }.sorted(by: >).dropFirst().first ?? 0
        return count >= 2 * Self.maxStrikes || count >= Self.maxStrikes && others < count / 2
    }

    /// A member gave a sign of life, which refutes a suspicion of it; true if that was the last one suspected.
    mutating func refute(_ peer: PeerID, isHeartbeat: Bool, _ turn: Turn) -> Bool {
        guard var suspicion = current(turn), !(suspicion.isStall && isHeartbeat),
            suspicion.suspected.removeValue(forKey: peer) != nil
        else { return false }
        self.suspicion = suspicion
        return suspicion.suspected.isEmpty
    }

    /// Those that were suspected and have not refuted it in time.
    ///
    /// - Parameter waited: The seconds since the last step.
    mutating func confirmFailed(waited: Double, _ turn: Turn) -> [Failed] {
        guard let suspicion = current(turn), turn.now >= suspicion.deadline else { return [] }
        self.suspicion = nil
        let what = suspicion.isStall ? "did none of its work for \(Int(waited)) s" : "does not answer"
        return suspicion.suspected.map {
            Failed(peer: $0.key, why: "\($0.value) and \(what)", isStall: suspicion.isStall)
        }
    }

    /// Another reason for what members do not reach is known.
    mutating func dropSuspicion() { suspicion = nil }
}
