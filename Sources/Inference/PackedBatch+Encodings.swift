import Modeling
import Tokenization

extension PackedBatch {
    /// The texts `indices` end to end, in this order: of a training step, of an evaluation and of `predict` alike.
    ///
    /// - Parameters:
    ///   - indices: The numbers of the texts, which key the dropout masks.
    ///   - encoding: A text's tokens, at least one.
    ///   - target: What is to be learnt of a text; of one kind for all, or of none.
    public init(
        packing indices: some Sequence<Int>, encoding: (Int) -> Encoding, target: (Int) -> Target = { _ in .none }
    ) {
        self.init()
        for index in indices {
            let text = encoding(index)
            append(
                tokenIDs: text.inputIDs, typeIDs: text.typeIDs, sampleKey: UInt32(truncatingIfNeeded: index),
                target: target(index))
        }
    }
}
