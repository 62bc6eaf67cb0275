/// The rows of a batch that a layer or a head computes: those of some of its tokens, in their order.
struct SelectedRows {
    /// S + 1 offsets: the rows of sequence `s` are those from `offsets[s]` up to `offsets[s + 1]`.
    let offsets: [Int32]
    /// The token of each row; nil where every token has a row.
    let tokens: [Int32]?

    /// Those that `selection` takes of `batch`.
    init(_ selection: RowSelection, of batch: PackedBatch) {
        switch selection {
        case .allTokens:
            offsets = batch.offsets
            tokens = nil
        case .firstTokens:
            offsets = Array(0...Int32(batch.sequenceCount))
            tokens = Array(batch.offsets.dropLast())
        case .targetTokens:
            var (offsets, tokens): ([Int32], [Int32]) = ([0], [])
            if case .tokens(let labels) = batch.targets {
                for s in 0..<batch.sequenceCount {
                    for t in batch.offsets[s]..<batch.offsets[s + 1] where labels[Int(t)] != Target.ignored {
                        tokens.append(t)
                    }
                    offsets.append(Int32(tokens.count))
                }
            } else {
                offsets = [Int32](repeating: 0, count: batch.sequenceCount + 1)
            }
            (self.offsets, self.tokens) = (offsets, tokens)
        }
    }

    /// R, their number.
    var count: Int { Int(offsets[offsets.count - 1]) }

    /// The rows of a sequence.
    func rows(of sequence: Int) -> Int { Int(offsets[sequence + 1] - offsets[sequence]) }
}

extension RowSelection {
    /// The targets of the rows, one for each where there is one for each token.
    func targets(_ batch: PackedBatch) -> Targets {
        guard self == .targetTokens, case .tokens(let labels) = batch.targets else { return batch.targets }
        return .tokens(labels.filter { $0 != Target.ignored })
    }
}
