/// Ridge regression from features to numbers: scikit-learn's `Ridge(alpha:)`. It minimizes Σ ‖W x + b - y‖² + λ ‖W‖²,
/// in double precision.
public struct DenseRidge: Sendable {
    /// λ.
    public var regularization: Double

    /// A regression of this strength.
    public init(regularization: Double) { self.regularization = regularization }

    /// The map of these texts.
    ///
    /// - Parameter targets: The numbers of each text.
    public func fit(_ features: FeatureMatrix, targets: ScoreMatrix) -> LinearClassifier {
        precondition(features.rows == targets.rows)
        let width = features.width
        let columns = (0..<width).map { Int32($0) }
        let rows = (0..<features.rows).map { row in
            LexicalView.Row(
                columns: columns,
                values: features.values[(row * width)..<((row + 1) * width)].map { Double($0) })
        }
        let found = RidgeRegression(regularization: regularization).fit(
            rows, columns: width, targets: targets, rowWeights: [Double](repeating: 1, count: features.rows))
        return LinearClassifier(
            classes: targets.classes, width: width, weights: found.weights.map { Float($0) },
            bias: found.bias.map { Float($0) })
    }
}
