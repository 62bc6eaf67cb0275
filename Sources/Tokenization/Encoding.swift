/// One text, or pair of texts, as a BERT model reads it.
public struct Encoding: Sendable, Equatable {
    /// Token ids, special tokens included.
    public var inputIDs: [Int32]
    /// The segment of each token: 0 for the first text, 1 for the second. As long as `inputIDs`.
    public var typeIDs: [Int32]

    /// An encoding from its parts, which must be equally long.
    public init(inputIDs: [Int32], typeIDs: [Int32]) {
        precondition(inputIDs.count == typeIDs.count)
        self.inputIDs = inputIDs
        self.typeIDs = typeIDs
    }
}
