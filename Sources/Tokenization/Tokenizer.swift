/// Turns texts into the ids that a model reads. ``TokenizerFolder`` makes the right one for a model folder.
///
/// Immutable after loading, so any number of threads may share one.
public protocol Tokenizer: Sendable {
    /// One more than the highest id: the rows that an embedding table needs.
    var vocabularySize: Int { get }
    /// The id of the token that starts every sequence; nil if there is none.
    var clsID: Int32? { get }
    /// The id of the token that ends every text; nil if there is none.
    var sepID: Int32? { get }
    /// The id of the padding token; nil if there is none.
    var padID: Int32? { get }
    /// The id of the token that stands for a masked one; nil if there is none.
    var maskID: Int32? { get }
    /// The id of the token for what the vocabulary cannot spell; nil if there is none, as with bytes.
    var unknownID: Int32? { get }

    /// The text of a token, as the vocabulary writes it; nil for an id that the vocabulary does not have.
    func token(_ id: Int32) -> String?

    /// Encodes a text, or a pair of texts, in UTF-8, with special tokens. Bytes that are not UTF-8 count as U+FFFD.
    ///
    /// - Parameter maxLength: The most tokens, special tokens included. Longer texts lose their end (or their
    ///   beginning, where the tokenizer's files say so); of a pair, the longer text is cut first (`longest_first`).
    ///   The special tokens always stay, so smaller lengths count as their number.
    func encode(
        utf8 text: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>?, maxLength: Int
    ) -> Encoding

    /// The highest segment id that a text or, if `pairs`, a pair of texts gets.
    func highestSegmentID(pairs: Bool) -> Int

    /// Whether a text without a word has tokens nevertheless, special ones.
    var addsSpecialTokens: Bool { get }
}

extension Tokenizer {
    /// Encodes a text, or a pair of texts, with special tokens; see ``Tokenizer/encode(utf8:pair:maxLength:)``.
    public func encode(_ text: String, pair: String? = nil, maxLength: Int) -> Encoding {
        var text = text
        return text.withUTF8 { text in
            guard var pair else { return encode(utf8: text, maxLength: maxLength) }
            return pair.withUTF8 { encode(utf8: text, pair: $0, maxLength: maxLength) }
        }
    }

    /// Encodes a text alone; see ``Tokenizer/encode(utf8:pair:maxLength:)``.
    public func encode(utf8 text: UnsafeBufferPointer<UInt8>, maxLength: Int) -> Encoding {
        encode(utf8: text, pair: nil, maxLength: maxLength)
    }
}
