import Collectives

/// What happens when workers cannot connect to each other, and when one is not let in any more.
extension CoordinatorMachine {
    /// What a worker says of the peers that it did not meet.
    enum Reach: Sendable {
        /// It does not reach them.
        case outward
        /// They do not reach it.
        case inward

        init?(_ phase: String) {
            switch phase {
            case AllReduceError.reaching: self = .outward
            case AllReduceError.beingReached: self = .inward
            default: return nil
            }
        }
    }

    /// Who cannot connect to whom.
    struct Unreachable: Sendable {
        struct Pair: Sendable, Hashable {
            var from: PeerID
            var to: PeerID
        }

        /// When to decide: by then, those that have the same trouble have told.
        var deadline: Double
        var pairs: Set<Pair> = []
    }

    /// Pairs that lines are written about.
    private static var maxNamed: Int { 8 }
    /// Between the first report and the decision.
    private static var secondsToTell: Double { 2 }
    /// A member that was silent for so long has not only lost its peers.
    private static var silence: Double { 2 }

    /// A member has not met some of its peers.
    mutating func missed(_ member: Member, _ reach: Reach, _ ranks: [Int], _ now: Double) {
        var unreachable = unreachable ?? Unreachable(deadline: now + Self.secondsToTell)
        for other in members where other.peer != member.peer && ranks.contains(other.rank) {
            unreachable.pairs.insert(
                reach == .outward
                    ? .init(from: member.peer, to: other.peer) : .init(from: other.peer, to: member.peer))
        }
        self.unreachable = unreachable
    }

    /// All have told who they do not reach: leaves out those in the way, or ends the run.
    mutating func decide(_ unreachable: Unreachable, _ now: Double) {
        self.unreachable = nil
        var pairs = unreachable.pairs.filter { index(of: $0.from) != nil && index(of: $0.to) != nil }
        guard !pairs.isEmpty else {
            formGeneration(now)
            return
        }
        let lines = pairs.map(describe).sorted()
        var leaving: [Member] = []
        while !pairs.isEmpty, let worst = members.max(by: { weight($0, pairs) < weight($1, pairs) }) {
            leaving.append(worst)
            pairs = pairs.filter { $0.from != worst.peer && $0.to != worst.peer }
        }
        let advice = "check firewalls, or give --address, --interface or --ports there"
        let left = members.count - leaving.count
        guard left >= (ending != nil ? 1 : settings.minWorkers) else {
            let more = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
            let error = RunError.workerLost(
                "\(lines[0])\(more); \(advice); without \(leaving.map(\.worker.host).joined(separator: ", ")) there "
                    + "would be fewer workers than --min-workers \(settings.minWorkers)")
            if hasBegun {
                ending = error
                formGeneration(now)
            } else {
                end(.failure(error))
            }
            return
        }
        for line in lines.prefix(Self.maxNamed) { perform(.emit(.warning("\(line); \(advice)"))) }
        if lines.count > Self.maxNamed {
            perform(.emit(.warning("and \(lines.count - Self.maxNamed) more pairs of workers do not reach each other")))
        }
        leaveOut(leaving, now)
    }

    private mutating func leaveOut(_ leaving: [Member], _ now: Double) {
        let peers = Set(leaving.map(\.peer))
        // Those that are silent are lost, and may come back; the others would come back to the same trouble.
        for member in leaving where now - member.lastHeard <= Self.silence {
            send(
                member.peer,
                .refusal(
                    "other workers and this one (\(member.endpoint ?? "?")) do not reach each other; see the coordinator"
                ))
        }
        if !hasBegun { leftOut += leaving.count }
        members.removeAll { peers.contains($0.peer) }
        for member in leaving {
            let why = "is left out: other workers and it do not reach each other"
            record(.lost, member.name, why)
            perform(.emit(.workerLost("\(member.name) \(why)", left: members.count + waiting.count)))
        }
        formGeneration(now)
    }

    /// Of those in most pairs, one without the newest state, and one that came last, is left out first.
    private func weight(_ member: Member, _ pairs: Set<Unreachable.Pair>) -> [Int] {
        [
            pairs.count { $0.from == member.peer || $0.to == member.peer }, member.applied == nextStep ? 0 : 1,
            member.number,
        ]
    }

    private func describe(_ pair: Unreachable.Pair) -> String {
        func name(_ peer: PeerID) -> String {
            index(of: peer).map { "host \(members[$0].worker.host) (rank \(members[$0].rank))" } ?? "a worker"
        }
        let place = index(of: pair.to).flatMap { members[$0].endpoint } ?? "its address"
        return "\(name(pair.from)) cannot reach \(name(pair.to)) at \(place)"
    }

    /// The key of a sender was taken back while it was connected.
    mutating func revoked(_ peer: PeerID, _ now: Double) {
        send(peer, .refusal("the key of this worker was revoked"))
        unmatched[peer] = nil
        lose(peer, why: "was sent away, as its key was revoked,", now)
    }
}

private func < (left: [Int], right: [Int]) -> Bool { left.lexicographicallyPrecedes(right) }
