import Numerics

/// Losses and gradients that are not finite. They end a run; so one worker's word is not enough, and the step is
/// computed again with its micro-batches dealt to others.
extension CoordinatorMachine {
    /// A step that cannot be taken, by the word of some.
    struct Doubt: Sendable {
        struct Claim: Sendable {
            var peer: PeerID
            var generation: UInt64
            /// Where it is known.
            var microBatch: Int?
            /// For people.
            var message: String
        }

        /// The steps before it.
        var step: Int
        /// Its micro-batches.
        var leafCount: Int
        var claims: [Claim] = []
        /// How often the step was computed again.
        var rounds = 0

        /// The claim of the first micro-batch.
        var first: Claim? { claims.min { ($0.microBatch ?? .max) < ($1.microBatch ?? .max) } }
    }

    /// A loss or gradient that is not finite, of which the other workers' view is still being waited for.
    struct Failing: Sendable {
        /// When to stop waiting.
        var deadline: Double
        /// Who has reported a failure.
        var reported: Set<PeerID> = []
    }

    mutating func notFinite(
        _ index: Int, _ failure: WorkerFailure, in generation: UInt64, applied: Int, _ now: Double
    ) {
        // One that comes from a former generation, or at any other time, will come again with the step.
        guard generation == self.generation, needsWorkers else { return }
        var failing: Failing
        switch phase {
        case .failing(let known): failing = known
        case .training:
            let patience = (doubt?.rounds ?? 0) == 0 ? settings.nonFiniteSeconds : stallLimit
            failing = Failing(deadline: now + patience)
        default: return
        }
        let member = members[index]
        guard let flight = progress.flights.first(where: { $0.step == applied }),
            failure.microBatch.map({ flight.partition[member.rank].contains($0) }) ?? true
        else {
            violation(index, "a failure in step \(applied + 1), which it was not ordered to take", now)
            return
        }
        suspicion = nil
        if doubt?.step != applied {
            doubt = Doubt(step: applied, leafCount: flight.partition.last?.upperBound ?? 1)
        }
        if doubt?.claims.contains(where: { $0.peer == member.peer && $0.generation == generation }) == false {
            doubt?.claims.append(
                .init(
                    peer: member.peer, generation: generation, microBatch: failure.microBatch,
                    message: failure.message))
        }
        failing.reported.insert(member.peer)
        phase = .failing(failing)
        if let doubt, doubt.rounds > 0, isConfirmed(doubt) {
            failingTimedOut(now)
        } else {
            endIfAllReported(failing, now)
        }
    }

    /// Whether two of the members say so; or the only one, twice.
    private func isConfirmed(_ doubt: Doubt) -> Bool {
        let claims = doubt.claims.filter { claim in members.contains { $0.peer == claim.peer } }
        return Set(claims.map(\.peer)).count > 1 || members.count == 1 && claims.count > 1
    }

    mutating func endIfAllReported(_ failing: Failing, _ now: Double) {
        if members.allSatisfy({ failing.reported.contains($0.peer) }) { failingTimedOut(now) }
    }

    /// All have told, or had the time to: decides what to make of it.
    mutating func failingTimedOut(_ now: Double) {
        guard var doubt, let first = doubt.first else {
            formGeneration(now)
            return
        }
        let claims = doubt.claims.filter { claim in members.contains { $0.peer == claim.peer } }
        if isConfirmed(doubt) {
            // A generation of its own, so that everyone tells which steps it has applied.
            ending = .failed(first.message)
            self.doubt = nil
            formGeneration(now)
            return
        }
        doubt.rounds += 1
        self.doubt = doubt
        if claims.count > 1, let at = members.firstIndex(where: { $0.peer == claims[0].peer }) {
            // It has had other micro-batches than at first, and nobody else finds anything.
            refuted(at, doubt, now)
            return
        }
        if doubt.rounds == 1, let at = members.firstIndex(where: { $0.peer == first.peer }) {
            let other = members.count > 1 ? "by another worker" : "again"
            perform(.emit(.notice("\(members[at].name): \(first.message); the step is computed \(other)")))
        }
        formGeneration(now)
    }

    private mutating func refuted(_ index: Int, _ doubt: Doubt, _ now: Double) {
        self.doubt?.claims.removeAll { $0.peer == members[index].peer }
        violation(
            index, "a loss or gradient of step \(doubt.step + 1) that is not finite, and others find it finite", now)
    }

    /// Steps were completed: those who said that one of them cannot be were wrong.
    mutating func settleDoubt(_ now: Double) {
        guard let doubt, progress.completed > doubt.step else { return }
        self.doubt = nil
        for claim in doubt.claims {
            guard let at = members.firstIndex(where: { $0.peer == claim.peer }) else { continue }
            if members.count > 1 {
                refuted(at, doubt, now)
            } else {
                perform(
                    .emit(
                        .warning(
                            "\(members[at].name) found step \(doubt.step + 1) not finite at first and finite when it "
                                + "computed it again; is its memory sound?")))
            }
        }
    }

    /// Orders the members so that what one of them claims is computed by another.
    mutating func dealDoubt() {
        guard let doubt, members.count > 1 else { return }
        let claimants = Set(doubt.claims.map(\.peer))
        var turn = doubt.rounds % members.count
        if let microBatch = doubt.first?.microBatch {
            let parts = Balancer.equal(leaves: doubt.leafCount, ranks: members.count)
            let rank = parts.firstIndex { $0.contains(microBatch) } ?? 0
            turn =
                members.indices.first { !claimants.contains(members[(rank + $0) % members.count].peer) } ?? turn
        }
        members = Array(members[turn...] + members[..<turn])
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

    /// The reports of a step differ, and no more than half of them agree: the weights decide, before the next step.
    mutating func cannotAgree(_ flight: Flight, _ reports: [StepReport]) -> Bool {
        guard let other = reports.firstIndex(where: { Self.majority(of: [reports[0], $0])?.outliers.isEmpty != true })
        else { return false }
        let text =
            "\(members[0].name) has a gradient norm of \(reports[0].gradientNorm), \(members[other].name) of "
            + "\(reports[other].gradientNorm)"
        if history?.current.schedule.settings.kind == .plateau, preparation?.validation == nil {
            // The loss decides on the learning rates, and nobody knows which one is right.
            endKept(.failed("the replicas differ at step \(flight.step + 1): \(text); please report this"))
            return true
        }
        perform(.emit(.warning("step \(flight.step + 1): \(text), or other losses; their weights are compared")))
        verifiesNext = true
        return false
    }

    /// Sends those away whose reports differ from the others'.
    mutating func sendOutliersAway(_ now: Double) {
        let all = outliers
        outliers = []
        for outlier in all {
            if let at = index(of: outlier.peer) { violation(at, outlier.sent, now) }
        }
    }
}
