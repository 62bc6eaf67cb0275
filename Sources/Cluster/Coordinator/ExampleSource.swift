import Inference
import Modeling
import Tokenization

/// Examples by number, tokenized when they are asked for.
protocol ExampleSource: Sendable {
    var count: Int { get }
    /// The sequences of tokens of an example.
    func encodings(_ index: Int) -> [Encoding]
    /// What is to be learnt of each of them.
    func target(_ index: Int) -> Target
    /// Examples, packed, with what is drawn for a round: an epoch, or ``TokenMasker/evaluation``.
    func pack(_ indices: [Int], round: UInt32) -> PackedBatch
}

extension ExampleSource {
    /// The examples `indices`, packed; dropout is keyed by their numbers.
    func pack(_ indices: some Sequence<Int>) -> PackedBatch {
        PackedBatch(packing: indices, encodings: encodings, target: target)
    }

    /// The tokens of an example.
    func tokenCount(_ index: Int) -> Int { encodings(index).reduce(0) { $0 + $1.inputIDs.count } }

    /// The same in each round: nothing is drawn.
    func pack(_ indices: [Int], round: UInt32) -> PackedBatch { pack(indices) }
}

extension PackedDocuments: ExampleSource {
    func encodings(_ index: Int) -> [Encoding] {
        let ids = sequence(index)
        return [Encoding(inputIDs: ids, typeIDs: [Int32](repeating: 0, count: ids.count))]
    }

    /// Nothing, before masks are drawn.
    func target(_ index: Int) -> Target { .none }

    func pack(_ indices: [Int], round: UInt32) -> PackedBatch { pack(masking: indices, round: round) }
}
