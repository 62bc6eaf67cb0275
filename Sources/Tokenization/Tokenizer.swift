import Support

/// Makes token ids of texts, as the model that it belongs to was trained with.
///
/// Immutable after loading, so any number of threads may share one. It is called once for each text.
public protocol Tokenizer: Sendable {
    /// One more than the highest id: the rows that an embedding table needs.
    var vocabularySize: Int { get }
    /// The id of the token for what the vocabulary cannot spell.
    var unknownID: Int32 { get }
    /// Whether every encoded text has special tokens, so that none is empty.
    var addsSpecialTokens: Bool { get }

    /// The text of a token; nil for an id that the vocabulary does not have.
    func token(_ id: Int32) -> String?
    /// The highest segment id that single texts, or pairs of them, are given.
    func highestSegmentID(pairs: Bool) -> Int
    /// Encodes a text, or a pair of texts, with special tokens.
    ///
    /// - Parameter maxLength: The most tokens, special tokens included.
    func encode(_ text: String, pair: String?, maxLength: Int) -> Encoding
}

/// Finds the tokenizer of a model folder: one line for each kind.
public enum TokenizerFolder {
    /// Loads the tokenizer of a Hugging Face model folder.
    ///
    /// - Throws: An error that names the file, and the line where it can, if a file is missing, damaged, or describes a
    ///   tokenizer that is not known.
    public static func tokenizer(of folder: String) throws(FileError) -> any Tokenizer {
        try BertTokenizer(modelDirectory: folder)
    }
}
