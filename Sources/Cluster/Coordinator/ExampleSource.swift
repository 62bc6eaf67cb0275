import Training
import Modeling

/// A tokenized text.
struct TokenizedText: Sendable, Equatable {
    var tokenIDs: [Int32]
    /// As many segment ids.
    var typeIDs: [Int32]
}

/// Examples by number, tokenized when they are asked for.
protocol ExampleSource: Sendable {
    var count: Int { get }
    func text(_ index: Int) -> TokenizedText
    /// The class; nil for an example without one.
    func label(_ index: Int) -> Int32?
}

extension ExampleSource {
    /// The examples `indices`, packed; dropout is keyed by their numbers.
    func pack(_ indices: some Sequence<Int>, labels: Bool) -> PackedBatch {
        var batch = PackedBatch()
        for index in indices {
            let text = text(index)
            batch.append(
                tokenIDs: text.tokenIDs, typeIDs: text.typeIDs, sampleKey: UInt32(truncatingIfNeeded: index),
                label: labels ? label(index) : nil)
        }
        return batch
    }
}
