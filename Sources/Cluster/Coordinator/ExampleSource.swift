import Inference
import Modeling
import Tokenization

/// Examples by number, tokenized when they are asked for.
protocol ExampleSource: Sendable {
    var count: Int { get }
    func encoding(_ index: Int) -> Encoding
    /// The class; nil for an example without one.
    func label(_ index: Int) -> Int32?
}

extension ExampleSource {
    /// The examples `indices`, packed; dropout is keyed by their numbers.
    func pack(_ indices: some Sequence<Int>, labels: Bool) -> PackedBatch {
        PackedBatch(packing: indices, encoding: encoding) { labels ? label($0) : nil }
    }
}
