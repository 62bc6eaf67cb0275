/// A rank attached something to a step that cannot be.
public struct PeerDataError: Error, Equatable, CustomStringConvertible {
    /// Which rank.
    public let rank: Int
    /// One line.
    public let description: String

    /// This of `rank`.
    public init(rank: Int, description: String) {
        self.rank = rank
        self.description = description
    }
}
