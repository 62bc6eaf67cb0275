import Corpus
import Inference
import Support
import Tokenization

/// What a contrastive phase learns from.
enum ContrastedExamples {
    /// The training texts and the descriptions of the classes, or pairs of them, as the options ask for; nil for a run
    /// of another method.
    ///
    /// - Throws: An error where there is nothing to compare.
    static func source(
        _ data: RunData, _ extra: FewShotData?, _ run: RunConfiguration, _ source: RunModel
    ) throws(RunError) -> (any ExampleSource)? {
        guard run.method == .contrastive else { return nil }
        var texts = data.training.examples.map { (example: $0, label: Int($0.classNumber ?? 0)) }
        texts += (extra?.descriptions ?? []).map { (Example(text: $0.text), $0.label) }
        let classes = texts.map(\.label)
        let counts = Dictionary(grouping: classes) { $0 }.mapValues(\.count)
        guard counts.values.contains(where: { $0 > 1 }) else {
            throw .failed(
                "--method contrastive compares texts of one class, and every class of \(data.training.path) has a single "
                    + "text; give more, or descriptions (--labels), or --method probe")
        }
        let encodings = texts.map {
            source.tokenizer.encode($0.example.text, pair: $0.example.pair, maxLength: source.maxLength)
        }
        switch run.contrastiveLoss {
        case .supervised: return ContrastedTexts(encodings, classes: classes)
        case .pairs: return ContrastedPairs(encodings, classes: classes, rounds: run.pairsPerText, seed: run.seed)
        }
    }
}
