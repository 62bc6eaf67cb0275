import Collections

/// How workers are found that live and do no work.
extension CoordinatorMachine {
    /// The durations of the last steps.
    struct Pace: Sendable {
        private static let kept = 64
        private var recent: Deque<Double> = []

        /// Adds a step's seconds.
        mutating func add(_ seconds: Double) {
            recent.append(seconds)
            if recent.count > Self.kept { recent.removeFirst() }
        }

        /// Seconds; nil until a step was measured.
        var median: Double? { recent.isEmpty ? nil : recent.sorted()[recent.count / 2] }
    }

    /// Attempts in a row in which others miss a worker that lives, after which the run goes on without it.
    private static var maxStrikes: Int { 5 }
    /// Seconds that a worker that others wait for in vain has to say that it misses somebody, too.
    private static var secondsToAnswer: Double { 5 }

    /// Seconds after which a worker that owes an answer, while others do not, counts as lost.
    var stallLimit: Double {
        pace.median.map { max(settings.stallSeconds, settings.stallFactor * $0) } ?? settings.firstStallSeconds
    }

    /// Whether the next thing to happen is for this member to do.
    private func owes(_ member: Member) -> Bool {
        switch phase {
        case .connecting:
            guard members.allSatisfy({ $0.endpoint != nil }) else { return member.endpoint == nil }
            if let donor = relay.donor {
                let isAwaited = !relay.isCopied || !relay.asked.isEmpty || !relay.queue.isEmpty
                if donor == member.peer { return isAwaited || !member.isReady }
                if member.mustLoad, isAwaited { return false }
            }
            return !member.isReady
        case .training:
            if fetch?.peer == member.peer, fetch?.isComplete == false { return true }
            guard let reports = progress.flights.first?.reports, reports.indices.contains(member.rank) else {
                return false
            }
            return reports[member.rank] == nil && reports.contains { $0 != nil }
        case .evaluating(let job): return job.orders.values.contains { $0.peer == member.peer }
        case .verifying: return member.digest == nil
        case .fetching: return fetch?.peer == member.peer && fetch?.isComplete == false
        case .gathering, .awaitingCheckpoint, .restoring, .saving, .failing, .ended: return false
        }
    }

    /// Looks for members that owe an answer for too long. Where all do, they are slow, and none is lost.
    mutating func findStalled(_ now: Double) {
        guard needsWorkers else { return }
        for i in members.indices {
            if !owes(members[i]) {
                members[i].owesSince = nil
            } else if members[i].owesSince == nil {
                members[i].owesSince = now
            }
        }
        let limit = stallLimit
        let late = members.filter { $0.owesSince.map { now - $0 > limit } ?? false }
        guard late.count < members.count else { return }
        for member in late { replaceStalled(member, "did none of its work for \(Int(limit.rounded(.up))) s", now) }
    }

    private mutating func replaceStalled(_ member: Member, _ why: String, _ now: Double) {
        // If it can still read, it ends; otherwise it must not come back by a greeting.
        send(member.peer, .refusal("it \(why), while others waited for it; start it again"))
        lose(member.peer, why: why, now)
    }

    // MARK: workers that others miss

    /// Workers that others blame, and that have not given a sign of life since.
    struct Suspicion: Sendable {
        /// When they count as lost.
        var deadline: Double
        /// What was told of each.
        var blamed: [PeerID: String] = [:]
        /// Who has told.
        var reported: Set<PeerID> = []
        /// The others have waited for them so long that a heartbeat is not enough.
        var isStall = false
    }

    /// A worker misses others. Those that answer now are well, and a new generation is all that is needed; those that
    /// do not are lost. (A worker that was killed is missed by its peers at once, a child's death is told by the
    /// system; but nothing tells of the death of a worker elsewhere.)
    mutating func suspect(_ member: Member, _ failure: WorkerFailure, _ now: Double) {
        var suspicion = suspicion ?? Suspicion(deadline: now + settings.suspicionSeconds)
        suspicion.reported.insert(member.peer)
        suspicion.blamed[member.peer] = nil
        if case .training = phase, now - progress.lastStepAt >= stallLimit / 2, !suspicion.isStall {
            suspicion.isStall = true
            suspicion.deadline = now + Self.secondsToAnswer
        }
        let blamed = failure.peers.compactMap { rank in members.first { $0.rank == rank } }
        for other in blamed
        where other.peer != member.peer && suspicion.blamed[other.peer] == nil
            && !suspicion.reported.contains(other.peer)
        {
            strikes[other.peer, default: 0] += 1
            suspicion.blamed[other.peer] = "is missed by \(member.name)"
            send(other.peer, .heartbeat(wantsReply: true))
        }
        self.suspicion = suspicion
        if let worst = members.max(by: { (strikes[$0.peer] ?? 0, $0.number) < (strikes[$1.peer] ?? 0, $1.number) }),
            let count = strikes[worst.peer], isStruckOut(count)
        {
            replaceStalled(worst, "was missed by others in \(count) attempts in a row", now)
        } else if suspicion.blamed.isEmpty {
            formGeneration(now)
        }
    }

    /// Whether a worker that was missed so often is the one to blame: those that miss each other get twice the time.
    private func isStruckOut(_ count: Int) -> Bool {
        let others = members.compactMap { strikes[$0.peer] }.sorted(by: >).dropFirst().first ?? 0
        return count >= 2 * Self.maxStrikes || count >= Self.maxStrikes && others < count / 2
    }

    /// A member gave a sign of life.
    mutating func isCleared(_ peer: PeerID, isHeartbeat: Bool, _ now: Double) {
        guard var suspicion, !(suspicion.isStall && isHeartbeat),
            suspicion.blamed.removeValue(forKey: peer) != nil
        else { return }
        self.suspicion = suspicion
        if suspicion.blamed.isEmpty, needsWorkers, !settled {
            if case .failing = phase { return }
            formGeneration(now)
        }
    }

    /// Those that were blamed have had their time.
    mutating func loseSuspects(_ suspicion: Suspicion, _ now: Double) {
        self.suspicion = nil
        for (peer, why) in suspicion.blamed {
            guard suspicion.isStall else {
                lose(peer, why: why + " and does not answer", now)
                continue
            }
            guard let member = members.first(where: { $0.peer == peer }) else { continue }
            replaceStalled(member, why + " and did none of its work for \(Int(now - progress.lastStepAt)) s", now)
        }
    }
}
