import Corpus
import Foundation
import FewShot
import Modeling
import Support

/// What a classifier on embeddings has beside its weights: `shoal_classifier.json` in the model's folder.
///
/// The logits of a text are the mean over its windows; with a part that sees terms they are log p(class | embedding) +
/// a log p(class | terms). Either is divided by the temperature.
public struct PooledClassifier: Sendable {
    /// The file.
    public static let fileName = "shoal_classifier.json"
    /// The model's classes.
    public var classes: Int
    /// Windows of a text at most.
    public var windows = 1
    /// What logits are divided by.
    public var temperature = 1.0
    /// The part that sees terms; nil for none.
    public var lexical: TwoViews.Lexical?

    /// One window, and nothing else.
    public init(classes: Int) { self.classes = classes }

    /// These parts.
    public init(classes: Int, windows: Int, temperature: Double, lexical: TwoViews.Lexical?) {
        self.classes = classes
        (self.windows, self.temperature, self.lexical) = (windows, temperature, lexical)
    }

    /// The mean of the windows' logits, and what the terms of the text add.
    func combined(_ outputs: TextOutputs) -> TextOutputs {
        guard classes > 0, outputs.values.count >= classes else { return outputs }
        let count = outputs.values.count / classes
        var scores = ScoreMatrix(rows: 1, classes: classes)
        for (place, value) in outputs.values.enumerated() {
            scores[0, place % classes] += Double(value) / Double(count)
        }
        if let lexical, lexical.weight > 0 {
            let row = lexical.view.row(LexicalTerms.terms(outputs.example.lexicalText))
            scores = scores.logSoftmax().adding(lexical.scores([row]).logSoftmax(), times: lexical.weight)
        }
        var result = outputs
        result.values = scores.values.map { Float($0 / temperature) }
        return result
    }
}

extension Example {
    /// The text whose terms count: both of a pair.
    public var lexicalText: String { pair.map { "\(text)\n\($0)" } ?? text }
}

extension PooledClassification {
    /// The head of a model whose folder says how embeddings are made; of another one the mean over the tokens, of
    /// length 1.
    public init(_ configuration: ModelConfiguration) {
        self.init(
            labels: configuration.labels.count, pooling: configuration.sentenceModules?.pooling ?? .mean,
            normalizes: configuration.sentenceModules?.normalizes ?? true)
    }
}
