import Collectives

/// Which workers of a generation cannot connect to each other, and which of them to leave out.
struct Reachability: Sendable {
    /// What a worker says of the peers that it has no connection to.
    enum Direction: Sendable {
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

    /// What is done about it.
    enum Resolution: Sendable {
        /// Nothing is in the way any more.
        case formGeneration
        case exclude([WorkerRecord], warnings: [String])
        case fail(RunError)
    }

    private struct Pair: Sendable, Hashable {
        var from: PeerID
        var to: PeerID
    }

    /// Pairs that lines are written about.
    private static let maxNamed = 8
    /// Between the first report and the decision: those that have the same trouble have reported it by then.
    private static let secondsToReport = 2.0

    private var deadline: Double?
    private var pairs: Set<Pair> = []

    /// A member has no connection to the peers of these ranks.
    mutating func report(
        by member: WorkerRecord, _ direction: Direction, ranks: [Int], members: [WorkerRecord], _ now: Double
    ) {
        if deadline == nil { deadline = now + Self.secondsToReport }
        for other in members where other.peer != member.peer && ranks.contains(other.rank) {
            pairs.insert(
                direction == .outward
                    ? Pair(from: member.peer, to: other.peer) : Pair(from: other.peer, to: member.peer))
        }
    }

    /// Whether it is time to decide.
    func isDue(_ now: Double) -> Bool { deadline.map { now >= $0 } ?? false }

    /// Decides whom to leave out, so that all others reach each other: of those in most pairs, one without the state of
    /// `step`, and one that came last, goes first.
    ///
    /// - Parameters:
    ///   - minimum: Of workers that must be left.
    ///   - minWorkers: What `--min-workers` says.
    func resolve(members: [WorkerRecord], step: Int, minimum: Int, minWorkers: Int) -> Resolution {
        let known = Dictionary(members.map { ($0.peer, $0) }) { first, _ in first }
        var pairs = pairs.filter { known[$0.from] != nil && known[$0.to] != nil }
        guard !pairs.isEmpty else { return .formGeneration }
        let lines = pairs.map { Self.describe($0, known) }.sorted()
        func weight(_ member: WorkerRecord) -> [Int] {
            [
                pairs.count { $0.from == member.peer || $0.to == member.peer }, member.applied == step ? 0 : 1,
                member.number,
            ]
        }
        var leaving: [WorkerRecord] = []
        while !pairs.isEmpty, let worst = members.max(by: { weight($0).lexicographicallyPrecedes(weight($1)) }) {
            leaving.append(worst)
            pairs = pairs.filter { $0.from != worst.peer && $0.to != worst.peer }
        }
        let advice = "check firewalls, or give --address, --interface or --ports there"
        guard members.count - leaving.count >= minimum else {
            let more = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
            return .fail(
                .workerLost(
                    "\(lines[0])\(more); \(advice); without \(leaving.map(\.worker.host).joined(separator: ", ")) there "
                        + "would be fewer workers than --min-workers \(minWorkers)"))
        }
        var warnings = lines.prefix(Self.maxNamed).map { "\($0); \(advice)" }
        if lines.count > Self.maxNamed {
            warnings.append("and \(lines.count - Self.maxNamed) more pairs of workers do not reach each other")
        }
        return .exclude(leaving, warnings: warnings)
    }

    private static func describe(_ pair: Pair, _ known: [PeerID: WorkerRecord]) -> String {
        func name(_ peer: PeerID) -> String {
            known[peer].map { "host \($0.worker.host) (rank \($0.rank))" } ?? "a worker"
        }
        return "\(name(pair.from)) cannot reach \(name(pair.to)) at \(known[pair.to]?.endpoint ?? "its address")"
    }
}
