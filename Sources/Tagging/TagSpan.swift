/// Words of a sentence that belong together, such as a name, with what they are.
public struct TagSpan: Sendable, Hashable {
    /// What they are, such as `PER`.
    public var type: String
    /// The words, by position.
    public var words: Range<Int>

    /// A span of these parts.
    public init(type: String, words: Range<Int>) {
        self.type = type
        self.words = words
    }
}
