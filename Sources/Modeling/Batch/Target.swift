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
}
