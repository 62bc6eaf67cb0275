import Corpus
import Inference
import Support
import Tokenization
import Training

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
        if run.contrastiveLoss == .fastfit { return describedSource(data, extra, source) }
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
        case .fastfit: return nil
        }
    }

    /// The training texts beside descriptions of their classes; a class without one has its name in its place.
    private static func describedSource(
        _ data: RunData, _ extra: FewShotData?, _ source: RunModel
    ) -> any ExampleSource {
        let labels = data.training.labels
        var descriptions = extra?.descriptions ?? []
        let described = Set(descriptions.map(\.label))
        for (label, name) in labels.enumerated() where !described.contains(label) {
            // What separates words in names of classes.
            let words = name.map { "_-/.".contains($0) ? " " : $0 }
            descriptions.append((String(words), label))
        }
        func encode(_ example: Example) -> Encoding {
            source.tokenizer.encode(example.text, pair: example.pair, maxLength: source.maxLength)
        }
        return ContrastedDescriptions(
            data.training.examples.map(encode), classes: data.training.examples.map { Int($0.classNumber ?? 0) },
            descriptions: descriptions.map { encode(Example(text: $0.text)) },
            describedClasses: descriptions.map(\.label))
    }

    /// Throws an error if the rows of all tokens of a step may be too many to be sent to each worker.
    static func requireRoom(_ run: RunConfiguration, maxLength: Int, width: Int) throws(ConfigurationError) {
        guard run.method == .contrastive, run.contrastiveLoss == .fastfit else { return }
        let most = GatheredOutputsLimit.floats / (2 * maxLength * width)
        guard run.batchSize <= most else {
            throw .invalid(
                "batch-size", value: "\(run.batchSize)",
                need:
                    "at most \(max(1, most)) with --contrastive-loss fastfit and texts of \(maxLength) tokens; a lower "
                    + "--max-length allows for more")
        }
    }
}
