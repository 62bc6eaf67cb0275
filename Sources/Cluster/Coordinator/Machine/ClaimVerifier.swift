import Numerics

/// Claims of single workers that would end a run: losses and gradients that are not finite, and reports that differ.
/// One worker's claim is not enough, so the step is computed again with its micro-batches given to others; the weights
/// decide where reports differ.
struct ClaimVerifier: Sendable {
    /// That a step cannot be taken.
    struct Claim: Sendable {
        var peer: PeerID
        var generation: UInt64
        /// Where it is known.
        var microBatch: Int?
        /// For people.
        var message: String
    }

    /// A step that cannot be taken, as some claim.
    private struct Disputed: Sendable {
        /// The steps before it.
        var step: Int
        var microBatches: Int
        var claims: [Claim] = []
        /// How often the step was computed again.
        var rounds = 0

        /// The claim of the first micro-batch.
        var first: Claim? { claims.min { ($0.microBatch ?? .max) < ($1.microBatch ?? .max) } }
    }

    /// A wait for the other workers' view of a claim.
    private struct Round: Sendable {
        /// When to stop waiting.
        var deadline: Double
        /// Those that have reported a failure.
        var reported: Set<PeerID>
    }

    /// What a round leads to.
    enum Verdict: Sendable {
        /// Enough workers say so: the run ends with this.
        case confirmed(String)
        /// The step is computed again, by another worker where there is one; with a line about a first claim.
        case recompute(notice: String?)
        /// The claimant had other micro-batches than before, and no other worker found anything.
        case refuted(PeerID, what: String)
    }

    /// What the members' reports of a step amount to.
    enum Agreement: Sendable {
        case report(StepReport)
        /// They differ, no majority agrees, and the run cannot go on to compare weights.
        case undecided(RunError)
    }

    /// What the hashes of the members' weights amount to.
    enum WeightComparison: Sendable {
        case equal
        /// No majority has the same.
        case undecided(RunError)
    }

    private var disputed: Disputed?
    private var round: Round?
    /// Workers whose reports of a step differ from those of most, and what they sent.
    private var outliers: [(peer: PeerID, sent: String)] = []
    /// The weights are compared before the next step.
    private(set) var mustCompareWeights = false

    // MARK: losses and gradients that are not finite

    /// A member of this generation claims that a step of so many micro-batches cannot be taken; what that leads to,
    /// unless the other workers' reports are waited for, `seconds` for the first.
    ///
    /// - Parameter laterSeconds: How long they are waited for when the step is computed again.
    mutating func claim(
        _ failure: WorkerFailure, by peer: PeerID, step: Int, microBatches: Int, members: [WorkerRecord],
        seconds: Double, laterSeconds: Double, _ transition: Transition
    ) -> Verdict? {
        if round == nil {
            round = Round(
                deadline: transition.now + ((disputed?.rounds ?? 0) == 0 ? seconds : laterSeconds), reported: [])
        }
        if disputed?.step != step { disputed = Disputed(step: step, microBatches: microBatches) }
        if disputed?.claims.contains(where: { $0.peer == peer && $0.generation == transition.generation }) == false {
            disputed?.claims.append(
                Claim(
                    peer: peer, generation: transition.generation, microBatch: failure.microBatch,
                    message: failure.message))
        }
        if let disputed, disputed.rounds > 0, isConfirmed(disputed, members) {
            round?.reported.insert(peer)
            return judge(members)
        }
        return reported(peer, members: members)
    }

    /// While a claim is being looked into, a member says that it cannot go on.
    mutating func reported(_ peer: PeerID, members: [WorkerRecord]) -> Verdict? {
        round?.reported.insert(peer)
        return judgeIfAllReported(members)
    }

    /// While a claim is being looked into, a member was lost.
    mutating func lost(_ peer: PeerID, members: [WorkerRecord]) -> Verdict? {
        round?.reported.remove(peer)
        return judgeIfAllReported(members)
    }

    /// The others were waited for long enough.
    mutating func tick(members: [WorkerRecord], _ now: Double) -> Verdict? {
        round.map { now >= $0.deadline } ?? false ? judge(members) : nil
    }

    /// The generation ends.
    mutating func suspend() { round = nil }

    private mutating func judgeIfAllReported(_ members: [WorkerRecord]) -> Verdict? {
        guard let round, members.allSatisfy({ round.reported.contains($0.peer) }) else { return nil }
        return judge(members)
    }

    private func present(_ claims: [Claim], _ members: [WorkerRecord]) -> [Claim] {
        claims.filter { claim in members.contains { $0.peer == claim.peer } }
    }

    /// Whether two of the members claim it; or the only one, twice.
    private func isConfirmed(_ disputed: Disputed, _ members: [WorkerRecord]) -> Bool {
        let claims = present(disputed.claims, members)
        return Set(claims.map(\.peer)).count > 1 || members.count == 1 && claims.count > 1
    }

    /// All have reported, or had the time to: decides what to make of it.
    private mutating func judge(_ members: [WorkerRecord]) -> Verdict {
        guard var disputed, let first = disputed.first else { return .recompute(notice: nil) }
        let claims = present(disputed.claims, members)
        if isConfirmed(disputed, members) {
            self.disputed = nil
            return .confirmed(first.message)
        }
        disputed.rounds += 1
        self.disputed = disputed
        if claims.count > 1 { return refute(claims[0].peer, disputed) }
        guard disputed.rounds == 1, let claimant = members.first(where: { $0.peer == first.peer }) else {
            return .recompute(notice: nil)
        }
        let other = members.count > 1 ? "by another worker" : "again"
        return .recompute(notice: "\(claimant.name): \(first.message); the step is computed \(other)")
    }

    private mutating func refute(_ peer: PeerID, _ disputed: Disputed) -> Verdict {
        self.disputed?.claims.removeAll { $0.peer == peer }
        return .refuted(
            peer,
            what: "a loss or gradient of step \(disputed.step + 1) that is not finite, and others find it finite")
    }

    /// So many steps were completed: those that claimed that one of them cannot be were wrong.
    mutating func settle(completed: Int, members: [WorkerRecord], _ transition: inout Transition) {
        guard let disputed, completed > disputed.step else { return }
        self.disputed = nil
        for claim in disputed.claims {
            guard let claimant = members.first(where: { $0.peer == claim.peer }) else { continue }
            if members.count > 1, case .refuted(let peer, let what) = refute(claimant.peer, disputed) {
                transition.request(.sendAway(peer, what: what))
            } else {
                transition.warn(
                    "\(claimant.name) found step \(disputed.step + 1) not finite at first and finite when it "
                        + "computed it again; is its memory sound?")
            }
        }
    }

    /// Orders members so that what one of them claims is computed by another.
    func reordered(_ members: [WorkerRecord]) -> [WorkerRecord] {
        guard let disputed, members.count > 1 else { return members }
        let claimants = Set(disputed.claims.map(\.peer))
        var first = disputed.rounds % members.count
        if let microBatch = disputed.first?.microBatch {
            let parts = Balancer.equal(leaves: disputed.microBatches, ranks: members.count)
            let rank = parts.firstIndex { $0.contains(microBatch) } ?? 0
            first =
                members.indices.first { !claimants.contains(members[(rank + $0) % members.count].peer) } ?? first
        }
        return Array(members[first...] + members[..<first])
    }

    // MARK: reports that differ

    /// The report that more than half of the members agree with, and the ranks that do not; nil where there is none.
    static func majority(of reports: [StepReport]) -> (report: StepReport, outliers: [Int])? {
        func agrees(_ a: StepReport, _ b: StepReport) -> Bool {
            a.gradientNorm.bitPattern == b.gradientNorm.bitPattern && a.lossSums.count == b.lossSums.count
                && zip(a.lossSums, b.lossSums).allSatisfy { $0.bitPattern == $1.bitPattern }
        }
        for report in reports {
            let outliers = reports.indices.filter { !agrees(reports[$0], report) }
            if 2 * outliers.count < reports.count { return (report, outliers) }
        }
        return nil
    }

    /// Decides which of the members' reports of a step counts. Where no more than half of them agree, the first does,
    /// and the weights are compared before the next step; unless the loss decides on the learning rates.
    ///
    /// - Parameter isLossDecisive: Whether it does.
    mutating func agree(
        on reports: [StepReport], step: Int, members: [WorkerRecord], isLossDecisive: Bool,
        _ transition: inout Transition
    ) -> Agreement {
        if let (report, ranks) = Self.majority(of: reports) {
            for rank in ranks {
                outliers.append(
                    (
                        members[rank].peer,
                        "a gradient norm of \(reports[rank].gradientNorm) at step \(step + 1) or losses that differ "
                            + "from those of most workers (norm \(report.gradientNorm))"
                    ))
            }
            return .report(report)
        }
        guard let other = reports.firstIndex(where: { Self.majority(of: [reports[0], $0])?.outliers.isEmpty != true })
        else { return .report(reports[0]) }
        let text =
            "\(members[0].name) has a gradient norm of \(reports[0].gradientNorm), \(members[other].name) of "
            + "\(reports[other].gradientNorm)"
        if isLossDecisive {
            return .undecided(.failed("the replicas differ at step \(step + 1): \(text); please report this"))
        }
        transition.warn("step \(step + 1): \(text), or other losses; their weights are compared")
        mustCompareWeights = true
        return .report(reports[0])
    }

    /// Sends those away whose reports differed from the others'.
    mutating func sendOutliersAway(_ transition: inout Transition) {
        for outlier in outliers { transition.request(.sendAway(outlier.peer, what: outlier.sent)) }
        outliers = []
    }

    /// Takes in the hash of a member's weights after `step` steps, and compares all once they are there; members whose
    /// weights differ from those of most are sent away.
    ///
    /// - Parameter expected: The steps that weights must have behind them.
    mutating func compare(
        _ digest: String, step: UInt64, expected: Int, of index: Int, _ members: inout [WorkerRecord],
        _ transition: inout Transition
    ) -> WeightComparison? {
        guard members[index].digest == nil, step == UInt64(expected) else {
            transition.request(.sendAway(members[index].peer, what: "the hash of weights after \(step) steps"))
            return nil
        }
        members[index].digest = digest
        let digests = members.compactMap(\.digest)
        guard digests.count == members.count, let first = digests.first else { return nil }
        guard let other = digests.firstIndex(where: { $0 != first }) else { return .equal }
        let counts = Dictionary(digests.map { ($0, 1) }, uniquingKeysWith: +)
        guard let majority = counts.first(where: { 2 * $0.value > digests.count })?.key else {
            return .undecided(
                .failed(
                    "the replicas differ: the weights of \(members[0].name) have the SHA-256 \(first), those of "
                        + "\(members[other].name) \(digests[other]); please report this"))
        }
        for (member, digest) in zip(members, digests) where digest != majority {
            let what = "the SHA-256 \(digest) of its weights, those of most have \(majority)"
            transition.request(.sendAway(member.peer, what: what))
        }
        return nil
    }

    /// The weights were compared, and are the same.
    mutating func weightsAreEqual() { mustCompareWeights = false }
}
