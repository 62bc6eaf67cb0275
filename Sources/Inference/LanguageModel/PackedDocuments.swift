import Modeling
import Numerics
import Tokenization

/// Documents end to end, cut into sequences of full length: all have as many tokens, but for the last one.
///
/// Between two documents stands the token that ends a text. Sequences begin and end with the special tokens that the
/// tokenizer puts around a text.
public struct PackedDocuments: Sendable {
    /// The tokens of all sequences, without the special ones around them.
    private let tokens: [Int32]
    /// Where the sequences begin in `tokens`, and where the last one ends.
    private let starts: [(begin: Int, end: Int)]
    private let prefix: [Int32]
    private let suffix: [Int32]
    private let masker: TokenMasker

    /// Tokenizes the documents, on all threads of `team`. Sequences without a token that could be masked are left out.
    ///
    /// - Parameter length: Tokens of a sequence.
    public init(
        _ documents: [String], tokenizer: any Tokenizer, length: Int, masker: TokenMasker, team: ThreadTeam
    ) {
        let around = tokenizer.encode("", maxLength: length).inputIDs
        let leading = around.firstIndex { $0 == tokenizer.clsID }.map { $0 + 1 } ?? 0
        prefix = Array(around.prefix(leading))
        suffix = Array(around.dropFirst(leading))
        self.masker = masker
        let (first, last, separator) = (leading, around.count - leading, tokenizer.sepID)
        let parts = team.mapRanges(of: documents.count) { range in
            var tokens: [Int32] = []
            for index in range {
                let ids = tokenizer.encode(documents[index], maxLength: Int(Int32.max)).inputIDs
                guard ids.count > first + last else { continue }
                tokens += ids[first..<(ids.count - last)]
                if let separator { tokens.append(separator) }
            }
            return tokens
        }
        tokens = parts.flatMap { $0 }
        let body = max(1, length - around.count)
        var starts: [(begin: Int, end: Int)] = []
        for begin in stride(from: 0, to: tokens.count, by: body) {
            let end = min(begin + body, tokens.count)
            if masker.canMask(tokens[begin..<end]) { starts.append((begin, end)) }
        }
        self.starts = starts
    }

    /// The number of sequences.
    public var count: Int { starts.count }
    /// The tokens of all documents.
    public var tokenCount: Int { tokens.count }

    /// The tokens of a sequence, special ones included.
    public func tokenCount(_ index: Int) -> Int {
        starts[index].end - starts[index].begin + prefix.count + suffix.count
    }

    /// The tokens of a sequence without masks, special ones included.
    public func sequence(_ index: Int) -> [Int32] {
        prefix + tokens[starts[index].begin..<starts[index].end] + suffix
    }

    /// Sequences with the masks of a round.
    public func pack(masking indices: some Sequence<Int>, round: UInt32) -> PackedBatch {
        var batch = PackedBatch()
        for index in indices {
            let sample = UInt32(truncatingIfNeeded: index)
            let (ids, labels) = masker.mask(sequence(index), round: round, sample: sample)
            batch.append(
                tokenIDs: ids, typeIDs: [Int32](repeating: 0, count: ids.count), sampleKey: sample,
                target: .tokens(labels))
        }
        return batch
    }
}
