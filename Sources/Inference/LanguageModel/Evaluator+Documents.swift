import Corpus
import Modeling
import Support

extension Evaluator {
    /// The seed of the masks of an evaluation outside of a run.
    private static let seed: UInt64 = 42
    /// Tokens of a batch at most.
    private static let batchTokens = 2048

    /// Evaluates a masked language model on texts, which are packed and masked as those of a run's validation are.
    ///
    /// - Throws: An error about texts of which nothing can be masked.
    public func evaluate(documents: Dataset) throws -> Evaluation {
        let start = ContinuousClock.now
        let model = pipeline.specification
        let masker = try TokenMasker(pipeline.tokenizer, seed: Self.seed, path: pipeline.path)
        let packed = PackedDocuments(
            documents.texts, tokenizer: pipeline.tokenizer, length: pipeline.maxLength, masker: masker,
            team: pipeline.team)
        guard packed.count > 0 else { throw FileError(documents.path, "there is no text in it") }
        let size = max(1, Self.batchTokens / pipeline.maxLength)
        var all = EvaluationPart(model.head)
        // As many at once as there are threads: their logits take much memory.
        for first in stride(from: 0, to: packed.count, by: size * pipeline.team.count) {
            let end = min(first + size * pipeline.team.count, packed.count)
            let batches = stride(from: first, to: end, by: size).map {
                packed.pack(masking: $0..<min($0 + size, end), round: TokenMasker.evaluation)
            }
            for part in try pipeline.evaluate(batches) { all.merge(part) }
            guard all.isFinite else { throw pipeline.notFinite(documents.examples.first?.text ?? "") }
        }
        return Evaluation(
            metrics: all.report(labels: []), seconds: (ContinuousClock.now - start) / .seconds(1))
    }
}
