import Modeling
import Tokenization

extension PackedBatch {
    /// The texts `indices` end to end, in this order: of a training step, of an evaluation and of `predict` alike.
    ///
    /// - Parameters:
    ///   - indices: The numbers of the texts, which key the dropout masks: of several sequences of a text, each has
    ///     masks of its own.
    ///   - encodings: The tokens of a text's sequences, at least one of each; as many sequences of each text.
    ///   - target: What is to be learnt of each sequence of a text; of one kind for all, or of none.
    public init(
        packing indices: some Sequence<Int>, encodings: (Int) -> [Encoding], target: (Int) -> Target = { _ in .none }
    ) {
        self.init()
        for index in indices {
            let (sequences, target) = (encodings(index), target(index))
            for (number, sequence) in sequences.enumerated() {
                append(
                    tokenIDs: sequence.inputIDs, typeIDs: sequence.typeIDs,
                    sampleKey: UInt32(truncatingIfNeeded: index &* sequences.count &+ number), target: target)
            }
        }
    }
}
