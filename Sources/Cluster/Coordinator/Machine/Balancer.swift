import Numerics

/// Decides how a step's micro-batches are split among the ranks: equally, until measured speeds say that another way is
/// clearly faster.
///
/// Who computes a micro-batch changes no bit, so this is free to follow the machines. Speeds are smoothed, and a change
/// must promise something and be promised several times in a row, so that noise moves nothing.
struct Balancer: Sendable {
    /// The weight of the newest measurement.
    private static let smoothing = 0.4
    /// The least gain in a step's time that is worth a change.
    private static let leastGain = 0.08
    /// Seconds that a step's computation takes at least.
    private static let leastSeconds = 1e-6
    /// The steps in a row for which it must be so.
    private static let requiredVotes = 2

    /// Off, ranks always get equal shares.
    let isEnabled: Bool
    /// Micro-batches a second, by rank; nil until measured.
    private(set) var speeds: [Double?]
    /// The counts for a full step; nil for equal shares.
    private var counts: [Int]?
    private var votes = 0

    /// For `speeds.count` ranks, whose speeds may be known from before.
    init(isEnabled: Bool, speeds: [Double?]) {
        self.isEnabled = isEnabled
        self.speeds = speeds
    }

    /// The micro-batches of each rank, for a step of `leaves`.
    func partition(leaves: Int) -> [Range<Int>] {
        let size = speeds.count
        guard let counts, let known = knownSpeeds else { return Self.equal(leaves: leaves, ranks: size) }
        let full = counts.reduce(0, +)
        return WorkSplit.partition(
            full == leaves ? counts : WorkSplit.counts(leaves: leaves, speeds: known))
    }

    /// Equal shares.
    static func equal(leaves: Int, ranks: Int) -> [Range<Int>] {
        let tree = ReductionTree(leafCount: leaves)
        return (0..<ranks).map { tree.leaves(rank: $0, worldSize: ranks) }
    }

    private var knownSpeeds: [Double]? {
        let known = speeds.compactMap { $0 }
        return known.count == speeds.count ? known : nil
    }

    /// Takes in what a step has shown: the micro-batches that each rank had, and the seconds that it computed.
    mutating func measured(leaves: [Int], seconds: [Double]) {
        for rank in speeds.indices where leaves[rank] > 0 && seconds[rank] > 0 {
            // What a worker measures is its word: no speed may become infinite.
            let speed = Double(leaves[rank]) / max(seconds[rank], Self.leastSeconds)
            speeds[rank] = speeds[rank].map { $0 + Self.smoothing * (speed - $0) } ?? speed
        }
        let total = leaves.reduce(0, +)
        guard isEnabled, speeds.count > 1, total >= speeds.count, let known = knownSpeeds else { return }
        let present = counts ?? Self.equal(leaves: total, ranks: speeds.count).map(\.count)
        // A short last batch says nothing about how a full one is best dealt.
        guard present.reduce(0, +) == total else { return }
        let better = WorkSplit.counts(leaves: total, speeds: known)
        let gain =
            1 - WorkSplit.makespan(better, speeds: known) / WorkSplit.makespan(present, speeds: known)
        guard gain >= Self.leastGain else {
            votes = 0
            return
        }
        votes += 1
        guard votes >= Self.requiredVotes else { return }
        votes = 0
        counts = better
    }
}
