/// A tokenizer of byte pairs or of SentencePiece's pieces, as a `tokenizer.json` or a family's own files describe it:
/// normalizers, pre-tokenizers, a model and a template, with the ids of the `tokenizers` library.
///
/// Immutable after loading, so any number of threads may share one. Each keeps the ids of words that it met.
public final class PipelineTokenizer: Tokenizer {
    /// One more than the highest id: the rows that an embedding table needs.
    public let vocabularySize: Int
    /// The id of the token that starts every sequence; nil if there is none.
    public let clsID: Int32?
    /// The id of the token that ends every text; nil if there is none.
    public let sepID: Int32?
    /// The id of the padding token; nil if there is none.
    public let padID: Int32?
    /// The id of the token that stands for a masked one; nil if there is none.
    public let maskID: Int32?
    /// The id of the token for what the vocabulary cannot spell; nil if there is none.
    public let unknownID: Int32?

    private let parts: PipelineDescription
    private let plain: AddedTokens
    /// Sought in the normalized text.
    private let normalized: AddedTokens
    private let scratch: ScratchPool

    init(_ parts: PipelineDescription) {
        self.parts = parts
        vocabularySize = parts.tokens.count
        clsID = parts.clsID
        sepID = parts.sepID
        padID = parts.padID
        maskID = parts.maskID
        unknownID = parts.unknownID
        var plain = AddedTokens()
        var normalized = AddedTokens()
        for var token in parts.addedTokens {
            if token.normalized {
                token.content = parts.normalizer.apply(token.content)
                normalized.add(token)
            } else {
                plain.add(token)
            }
        }
        self.plain = plain
        self.normalized = normalized
        scratch = ScratchPool(steps: parts.cutter.steps.count)
    }

    /// The text of a token, as the vocabulary writes it; nil for an id that the vocabulary does not have.
    public func token(_ id: Int32) -> String? {
        guard id >= 0, id < parts.tokens.count else { return nil }
        return parts.tokens[Int(id)]
    }

    /// Encodes UTF-8 without making strings of it; bytes that are not UTF-8 count as U+FFFD.
    public func encode(
        utf8 text: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>? = nil, maxLength: Int
    ) -> Encoding {
        parts.template.encode(text, pair: pair, maxLength: maxLength, truncatesLeft: parts.truncatesLeft) {
            text, limit in ids(of: text, limit: limit)
        }
    }

    /// The highest segment id that a text or, if `pairs`, a pair of texts gets.
    public func highestSegmentID(pairs: Bool) -> Int {
        Int(EncodingTemplate.highestType(pairs ? parts.template.pair : parts.template.single))
    }

    /// Whether a text without a word has tokens nevertheless, special ones.
    public var addsSpecialTokens: Bool {
        EncodingTemplate.specialCount(parts.template.single) > 0
            && EncodingTemplate.specialCount(parts.template.pair) > 0
    }

    /// The ids of a text without special tokens; at least `limit` of them if there are so many, not always more.
    private func ids(of text: UnsafeBufferPointer<UInt8>, limit: Int) -> [Int32] {
        guard let base = text.baseAddress, !text.isEmpty, limit > 0 else { return [] }
        return scratch.with { scratch in
            scratch.pointee.ids.removeAll()
            scratch.pointee.limit = limit
            if isValidUTF8(text) {
                scan(text, scratch)
            } else {
                let whole = scratch.pointee.whole
                whole.removeAll()
                var index = 0
                while index < text.count {
                    let (scalar, length) = decodeUTF8(base + index, count: text.count - index)
                    whole.append(scalar: scalar)
                    index += length
                }
                scan(whole.bytes, scratch)
            }
            return Array(scratch.pointee.ids.elements)
        }
    }

    private func scan(_ text: UnsafeBufferPointer<UInt8>, _ scratch: ScratchPool.Scratch) {
        plain.split(text) { stretch in
            let isFirst = stretch.baseAddress == text.baseAddress
            guard !parts.normalizer.steps.isEmpty else {
                seek(stretch, isFirst: isFirst, scratch)
                return !scratch.pointee.isFull
            }
            let result = parts.normalizer.apply(stretch, scratch.pointee.one, scratch.pointee.two)
            seek(result.text, isFirst: isFirst && result.keepsStart, scratch)
            return !scratch.pointee.isFull
        } found: { id in
            scratch.pointee.ids.append(id)
            return !scratch.pointee.isFull
        }
    }

    /// Looks for the tokens of normalized text, and cuts what is between.
    private func seek(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ scratch: ScratchPool.Scratch) {
        guard !normalized.isEmpty else { return cut(text, isFirst: isFirst, scratch) }
        normalized.split(text) { stretch in
            cut(stretch, isFirst: isFirst && stretch.baseAddress == text.baseAddress, scratch)
            return !scratch.pointee.isFull
        } found: { id in
            scratch.pointee.ids.append(id)
            return !scratch.pointee.isFull
        }
    }

    private func cut(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ scratch: ScratchPool.Scratch) {
        switch parts.model {
        case .bytePairs(let model): cut(text, isFirst: isFirst, scratch, model)
        case .unigram(let model): cut(text, isFirst: isFirst, scratch, model)
        }
    }

    private func cut(
        _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ scratch: ScratchPool.Scratch, _ model: some WordModel
    ) {
        var encoder = WordEncoder(model: model, scratch: scratch)
        parts.cutter.cut(text, isFirst: isFirst, scratch, &encoder)
    }
}
