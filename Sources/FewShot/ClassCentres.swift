import Foundation

/// Classifies by the nearest mean of a class's features (Rocchio 1971), of length 1 as the features are: "prototypes"
/// (Snell et al. 2017). Cheap, and hard to overfit.
public enum ClassCentres {
    /// The classifier: logits are `scale` times the cosine to each class's mean.
    public static func fit(
        _ features: FeatureMatrix, labels: [Int], classes: Int, scale: Float = 10
    ) -> LinearClassifier {
        let width = features.width
        var weights = [Float](repeating: 0, count: classes * width)
        for (row, label) in labels.enumerated() {
            for i in 0..<width { weights[label * width + i] += features.values[row * width + i] }
        }
        for label in 0..<classes {
            let range = (label * width)..<((label + 1) * width)
            let length = weights[range].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else { continue }
            for i in range { weights[i] *= scale / length }
        }
        return LinearClassifier(
            classes: classes, width: width, weights: weights, bias: [Float](repeating: 0, count: classes))
    }
}
