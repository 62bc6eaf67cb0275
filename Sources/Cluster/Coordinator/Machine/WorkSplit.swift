/// How many of a step's micro-batches each rank gets.
enum WorkSplit {
    /// Counts that add up to `leaves`, for which the slowest rank is done soonest: each leaf goes to the rank that
    /// would be done with it first (the greedy rule for one kind of job on machines of different speeds is optimal).
    ///
    /// - Parameter speeds: micro-batches a second of each rank, above 0.
    static func counts(leaves: Int, speeds: [Double]) -> [Int] {
        var counts = [Int](repeating: 0, count: speeds.count)
        // A rank without work could never show that it became faster.
        let atLeast = leaves >= speeds.count ? 1 : 0
        for rank in counts.indices { counts[rank] = atLeast }
        for _ in 0..<max(0, leaves - atLeast * speeds.count) {
            var best = 0
            for rank in counts.indices.dropFirst()
            where Double(counts[rank] + 1) / speeds[rank] < Double(counts[best] + 1) / speeds[best] {
                best = rank
            }
            counts[best] += 1
        }
        return counts
    }

    /// Seconds until the slowest rank is done.
    static func makespan(_ counts: [Int], speeds: [Double]) -> Double {
        zip(counts, speeds).reduce(0) { max($0, Double($1.0) / $1.1) }
    }

    /// The ranks' runs of leaves.
    static func partition(_ counts: [Int]) -> [Range<Int>] {
        var start = 0
        return counts.map { count in
            defer { start += count }
            return start..<(start + count)
        }
    }
}
