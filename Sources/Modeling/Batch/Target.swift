/// What is to be learnt of one sequence.
public enum Target: Sendable, Equatable {
    /// Nothing.
    case none
    /// Its class.
    case classIndex(Int32)
    /// Numbers: of a regression; or, of several labels, 1 for those that it has and 0 for the others.
    case values([Float])
    /// A class for each of its tokens; ``ignored`` where there is nothing to learn.
    case tokens([Int32])

    /// Marks a token of which nothing is to be learnt.
    public static let ignored: Int32 = -1
    /// What stands for the tags that an evaluation has and the model has not: nothing is to be learnt of such a token,
    /// and it has no loss, but a metric counts it as missed.
    public static let unknownTags: ClosedRange<Int32> = -99 ... -2

    /// What stands for a tag: its number, or, where that is beyond the `known` ones that the model has, one of
    /// ``unknownTags``.
    public static func tag(_ number: Int32, of known: Int) -> Int32 {
        let place = Int(number) - known
        return place < 0 ? number : max(unknownTags.lowerBound, -2 - Int32(clamping: place))
    }
}
