/// The name that was probably meant by one that is not known.
public enum NameSuggestion {
    /// The known name that `name` probably means.
    ///
    /// Names that differ in case and separators alone come first, then the same idea under the name that other programs
    /// give it (`aliases`), then a slip of the fingers: a distance of at most a third of the letters, and at most 3.
    ///
    /// - Parameters:
    ///   - name: What was given, with or without dashes.
    ///   - known: The names that there are.
    ///   - aliases: From other programs' names, in lower case and without separators, to known ones.
    /// - Returns: One of `known`; nil where none is near.
    public static func nearest(to name: String, among known: [String], aliases: [String: String] = [:]) -> String? {
        let wanted = bare(name)
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        if let same = known.first(where: { bare($0) == wanted }) { return same }
        if let alias = aliases[wanted], let target = known.first(where: { bare($0) == bare(alias) }) { return target }
        let limit = min(3, max(1, wanted.count / 3))
        let distances = known.map { (name: $0, distance: distance(bare($0), wanted)) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit else { return nil }
        return best.name
    }

    private static func bare(_ text: String) -> String { text.lowercased().filter { $0.isLetter || $0.isNumber } }

    /// The insertions, deletions, replacements and swaps of neighbours between two texts (optimal string alignment).
    static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first), Array(second))
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                var best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, before[j - 2] + 1) }
                row.append(best)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}
