/// Which tokens begin a word and which go on with one, as the vocabulary writes them: of WordPiece, all begin one that
/// are not written with "##"; of the other models those with the sign for a space before them ("Ġ", "▁"). Chinese
/// characters are words of their own.
public struct WordStarts: Sendable {
    private let starts: [Bool]

    /// Of this tokenizer's vocabulary.
    public init(_ tokenizer: any Tokenizer) {
        let tokens = (0..<tokenizer.vocabularySize).map { tokenizer.token(Int32($0)) ?? "" }
        guard tokenizer is PipelineTokenizer else {
            starts = tokens.map { !$0.utf8.starts(with: "##".utf8) || $0.utf8.count == 2 }
            return
        }
        // A space is written as a byte of GPT-2's alphabet, or as SentencePiece's sign.
        let (byte, piece) = ("\u{120}", "\u{2581}")
        func count(_ sign: String) -> Int { tokens.count { $0.utf8.starts(with: sign.utf8) } }
        let isBytes = count(byte) > count(piece)
        let ideographs = UnicodeSets.shared.ideographs
        starts = tokens.map { token in
            if token.utf8.starts(with: (isBytes ? byte : piece).utf8) { return true }
            let first = isBytes ? Self.firstScalar(ofBytes: token) : token.unicodeScalars.first
            return first.map { scalar in ideographs.contains { $0.contains(scalar.value) } } ?? false
        }
    }

    /// Whether a token begins a word; one that the vocabulary does not have does.
    public func contains(_ id: Int32) -> Bool {
        let index = Int(id)
        return starts.indices.contains(index) ? starts[index] : true
    }

    /// The bytes that the characters of GPT-2's alphabet stand for.
    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        ByteAlphabet.names.enumerated().compactMap { byte, name in
            String(decoding: name, as: UTF8.self).unicodeScalars.first.map { ($0, UInt8(byte)) }
        }, uniquingKeysWith: { first, _ in first })

    /// The first character of the text that a token of bytes stands for; nil where it is not whole.
    private static func firstScalar(ofBytes token: String) -> Unicode.Scalar? {
        let head = token.unicodeScalars.prefix(4).compactMap { bytes[$0] }
        var (decoder, iterator) = (UTF8(), head.makeIterator())
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
        return scalar
    }
}
