extension RandomAccessCollection {
    /// The first index whose element satisfies `belongsToSecondPart`, by binary search; `endIndex` if there is none.
    /// All elements before it must fail the predicate, and all behind it satisfy it.
    @inlinable
    public func partitioningIndex(where belongsToSecondPart: (Element) -> Bool) -> Index {
        var low = startIndex
        var count = self.count
        while count > 0 {
            let half = count / 2
            let middle = index(low, offsetBy: half)
            if belongsToSecondPart(self[middle]) {
                count = half
            } else {
                low = index(after: middle)
                count -= half + 1
            }
        }
        return low
    }
}
