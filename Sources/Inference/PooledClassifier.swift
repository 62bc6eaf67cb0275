import Corpus
import Foundation
import FewShot
import Modeling
import Support
import Tokenization

/// What a classifier on embeddings has beside its weights: `shoal_classifier.json` in the model's folder.
///
/// The logits of a text are the mean over its windows; with a part that sees terms they are log p(class | embedding) +
/// a log p(class | terms). Either is divided by the temperature. What is known of embeddings says how far a text is
/// from the classes.
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
    /// Says how far a text is from what was learnt; nil for nothing.
    public var outOfScope: OutOfScopeScore?
    /// Floats of the embedding behind the logits of each window, see ``PooledClassification/appendedWidth``; the file
    /// does not have it.
    var appendedWidth = 0

    /// One window, and nothing else.
    public init(classes: Int) { self.classes = classes }

    /// These parts.
    public init(
        classes: Int, windows: Int, temperature: Double, lexical: TwoViews.Lexical?,
        outOfScope: OutOfScopeScore? = nil
    ) {
        self.classes = classes
        (self.windows, self.temperature, self.lexical) = (windows, temperature, lexical)
        self.outOfScope = outOfScope
    }

    /// The mean of the windows' logits, and what the terms of the text add; the mean of their embeddings, where these
    /// are there, and what it says of the text.
    func combined(_ outputs: TextOutputs) -> TextOutputs {
        let width = classes + appendedWidth
        guard classes > 0, outputs.values.count >= width else { return outputs }
        let count = outputs.values.count / width
        var scores = ScoreMatrix(rows: 1, classes: classes)
        var embedding = [Float](repeating: 0, count: appendedWidth)
        for window in 0..<count {
            for label in 0..<classes {
                scores[0, label] += Double(outputs.values[window * width + label]) / Double(count)
            }
            for i in 0..<appendedWidth {
                embedding[i] += outputs.values[window * width + classes + i] / Float(count)
            }
        }
        if let lexical, lexical.weight > 0 {
            let row = lexical.view.row(LexicalTerms.terms(outputs.example.lexicalText))
            scores = scores.logSoftmax().adding(lexical.scores([row]).logSoftmax(), times: lexical.weight)
        }
        var result = outputs
        result.values = scores.values.map { Float($0 / temperature) }
        if appendedWidth > 0 {
            result.embedding = embedding
            let features = FeatureMatrix(rows: 1, width: appendedWidth, values: embedding)
            result.outOfScope = outOfScope?.scores(features).first
        }
        return result
    }

    /// The logits of a whole text.
    ///
    /// - Parameter windows: (windows, classes), row-major, without embeddings behind them.
    public func combined(_ windows: [Float], of example: Example) -> [Float] {
        combined(TextOutputs(example: example, encoding: Encoding(inputIDs: [], typeIDs: []), values: windows)).values
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
            normalizes: configuration.sentenceModules?.normalizes ?? true,
            problem: configuration.purpose.problem ?? .singleLabel)
    }
}
