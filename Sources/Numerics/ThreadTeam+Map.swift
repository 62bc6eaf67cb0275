import Synchronization

extension ThreadTeam {
    /// `body(thread, item)` for each item, whichever thread is free taking the next one.
    ///
    /// - Returns: The results in the order of the items.
    public func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ body: @Sendable (_ thread: Int, Item) -> Result
    ) -> [Result] {
        let next = Atomic(0)
        let results = Mutex([Result?](repeating: nil, count: items.count))
        run { thread in
            while true {
                let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard i < items.count else { return }
                let result = body(thread, items[i])
                results.withLock { $0[i] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// Cuts `0..<count` into even ranges, one per thread, and calls `body` for each.
    ///
    /// - Returns: The results in the order of the ranges.
    public func mapRanges<Result: Sendable>(
        of count: Int, _ body: @Sendable (Range<Int>) -> Result
    ) -> [Result] {
        let pieces = max(1, min(self.count, count))
        let ranges = (0..<pieces).map { count * $0 / pieces..<count * ($0 + 1) / pieces }
        return map(ranges) { _, range in body(range) }
    }
}
