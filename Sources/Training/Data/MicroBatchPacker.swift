/// Cuts a batch into micro-batches of about the same number of tokens.
enum MicroBatchPacker {
    /// The positions 0..<`tokens.count` in `min(count, tokens.count)` lists, none empty, each ascending.
    ///
    /// Longest processing time first (Graham, "Bounds on multiprocessing timing anomalies", 1969): the longest samples
    /// go first, each to the lightest list. Then the lists are put in an order in which contiguous halves, quarters,
    /// … are balanced as well, because the default partition gives each rank a contiguous range.
    static func pack(_ tokens: [Int], into count: Int) -> [[Int]] {
        let count = min(count, tokens.count)
        guard count > 0 else { return [] }
        let longestFirst = tokens.indices.sorted { (-tokens[$0], $0) < (-tokens[$1], $1) }
        var lists = [[Int]](repeating: [], count: count)
        var loads = [Int](repeating: 0, count: count)
        for position in longestFirst {
            // An empty list comes before one whose samples have no tokens, so that none stays empty.
            let lightest =
                lists.indices.min { (loads[$0], lists[$0].count, $0) < (loads[$1], lists[$1].count, $1) } ?? 0
            lists[lightest].append(position)
            loads[lightest] += tokens[position]
        }
        let heaviestFirst = lists.indices.sorted { (-loads[$0], $0) < (-loads[$1], $1) }
        return interleave(heaviestFirst, loads: loads).map { lists[$0].sorted() }
    }

    /// The lists, given from the heaviest, in an order whose halves (the left one the smaller) weigh about the same,
    /// and so on within each half.
    private static func interleave(_ lists: [Int], loads: [Int]) -> [Int] {
        guard lists.count > 1 else { return lists }
        let leftRoom = lists.count / 2
        let rightRoom = lists.count - leftRoom
        var left: [Int] = []
        var right: [Int] = []
        var leftLoad = 0
        var rightLoad = 0
        for list in lists {
            // The side with the smaller load for its room takes it. Compared as products: no rounding.
            let leftIsLighter = leftLoad * rightRoom <= rightLoad * leftRoom
            if right.count == rightRoom || (leftIsLighter && left.count < leftRoom) {
                left.append(list)
                leftLoad += loads[list]
            } else {
                right.append(list)
                rightLoad += loads[list]
            }
        }
        return interleave(left, loads: loads) + interleave(right, loads: loads)
    }
}
