import Foundation

/// A classifier of texts by two views: their embeddings, and their terms.
///
/// Its logits are log p(class | embedding) + a log p(class | terms): two experts that see different things, multiplied.
public struct TwoViews: Sendable, Equatable {
    /// By embeddings.
    public var dense: LinearClassifier
    /// By terms; nil where these count for nothing.
    public var lexical: Lexical?

    /// The part that sees terms.
    public struct Lexical: Sendable, Equatable {
        /// Terms and their weights.
        public var view: LexicalView
        /// The ridge regression on them.
        public var ridge: RidgeRegression.Solution
        /// a.
        public var weight: Double
        /// What the regression's numbers are multiplied by before the softmax.
        public var scale: Double

        /// These.
        public init(view: LexicalView, ridge: RidgeRegression.Solution, weight: Double, scale: Double) {
            (self.view, self.ridge, self.weight, self.scale) = (view, ridge, weight, scale)
        }

        /// The logits of texts.
        public func scores(_ rows: [LexicalView.Row]) -> ScoreMatrix { ridge.scores(rows).scaled(by: scale) }
    }

    /// The logits of texts.
    ///
    /// - Parameter terms: See ``LexicalTerms``.
    public func scores(_ features: FeatureMatrix, terms: [[String]]) -> ScoreMatrix {
        let dense = dense.scores(features).logSoftmax()
        guard let lexical, lexical.weight > 0 else { return dense }
        let rows = terms.map { lexical.view.row($0) }
        return dense.adding(lexical.scores(rows).logSoftmax(), times: lexical.weight)
    }
}

/// How both views are fitted.
public struct TwoViewMethod: Sendable {
    /// By embeddings.
    public var regression = LogisticRegression(inverseRegularization: 10)
    /// λ of the regression on terms.
    public var lexicalRegularization = 0.3
    /// See ``TwoViews/Lexical/scale``.
    public var lexicalScale = 8.0
    /// a; see ``lexicalWeight(meanTokens:)``.
    public var lexicalWeight: Double

    /// With this weight of terms.
    public init(lexicalWeight: Double) { self.lexicalWeight = lexicalWeight }

    /// What terms count for: 0.5 where texts are long, for then their words say the topic; 0 where they are short, and
    /// few examples have too few words. Cross-validating it on a handful of examples was tried and chose worse.
    public static func lexicalWeight(meanTokens: Double) -> Double { meanTokens > 60 ? 0.5 : 0 }

    /// Examples with both views.
    public struct Examples: Sendable {
        /// Embeddings.
        public var features: FeatureMatrix
        /// The terms of each text.
        public var terms: [[String]]

        /// These.
        public init(features: FeatureMatrix, terms: [[String]]) {
            precondition(features.rows == terms.count)
            (self.features, self.terms) = (features, terms)
        }

        /// Some of them.
        public func selecting(_ indices: [Int]) -> Examples {
            Examples(features: features.selecting(indices), terms: indices.map { terms[$0] })
        }
    }

    /// The classifier of labelled examples.
    ///
    /// - Parameters:
    ///   - priorMean: Of the weights on embeddings; nil for 0.
    ///   - viewTexts: The terms of texts that the view is fitted on; nil for those of the examples.
    public func fit(
        _ examples: Examples, targets: ScoreMatrix, priorMean: [Float]? = nil, view: LexicalView? = nil
    ) -> TwoViews {
        let dense = regression.fit(examples.features, targets: targets, priorMean: priorMean)
        return TwoViews(dense: dense, lexical: lexical(examples, targets: targets, view: view))
    }

    /// The part that sees terms.
    public func lexical(_ examples: Examples, targets: ScoreMatrix, view: LexicalView? = nil) -> TwoViews.Lexical? {
        guard lexicalWeight > 0 else { return nil }
        let view = view ?? LexicalView(fitting: examples.terms)
        let ridge = RidgeRegression(regularization: lexicalRegularization).fit(
            examples.terms.map { view.row($0) }, columns: view.terms.count, targets: targets)
        return TwoViews.Lexical(view: view, ridge: ridge, weight: lexicalWeight, scale: lexicalScale)
    }
}

extension ScoreMatrix {
    /// 1, or what a row counts for, at the class of each row, and 0 elsewhere.
    public static func oneHot(_ labels: [Int], classes: Int, weights: [Double]? = nil) -> ScoreMatrix {
        var result = ScoreMatrix(rows: labels.count, classes: classes)
        for (row, label) in labels.enumerated() { result[row, label] = weights?[row] ?? 1 }
        return result
    }
}
