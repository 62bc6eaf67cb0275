import Inference
import Modeling
import Tokenization

/// Examples by number, tokenized when they are asked for.
protocol ExampleSource: Sendable {
    var count: Int { get }
    func encoding(_ index: Int) -> Encoding
    /// What is to be learnt of it.
    func target(_ index: Int) -> Target
}

extension ExampleSource {
    /// The examples `indices`, packed; dropout is keyed by their numbers.
    func pack(_ indices: some Sequence<Int>) -> PackedBatch {
        PackedBatch(packing: indices, encoding: encoding, target: target)
    }
}
