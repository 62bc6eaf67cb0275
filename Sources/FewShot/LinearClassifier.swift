import Numerics

/// A linear classifier on features of texts: a row of weights and a bias for each class.
public struct LinearClassifier: Sendable, Equatable {
    /// Classes.
    public let classes: Int
    /// Features of a text.
    public let width: Int
    /// (classes, width).
    public var weights: [Float]
    /// (classes).
    public var bias: [Float]

    /// A classifier of these weights.
    public init(classes: Int, width: Int, weights: [Float], bias: [Float]) {
        precondition(weights.count == classes * width && bias.count == classes)
        (self.classes, self.width, self.weights, self.bias) = (classes, width, weights, bias)
    }

    /// The classifier whose logits are those of this one times `factor`.
    public func scaled(by factor: Double) -> LinearClassifier {
        LinearClassifier(
            classes: classes, width: width, weights: weights.map { Float(Double($0) * factor) },
            bias: bias.map { Float(Double($0) * factor) })
    }

    /// The logits of texts.
    public func scores(_ features: FeatureMatrix) -> ScoreMatrix {
        precondition(features.width == width)
        var result = ScoreMatrix(rows: features.rows, classes: classes)
        guard features.rows > 0 else { return result }
        var logits = [Float](repeating: 0, count: features.rows * classes)
        let matmul = Matmul()
        features.values.withUnsafeBufferPointer { x in
            weights.withUnsafeBufferPointer { w in
                logits.withUnsafeMutableBufferPointer { y in
                    guard let x = x.baseAddress, let w = w.baseAddress, let y = y.baseAddress else { return }
                    matmul.multiply(
                        transposeB: true, m: features.rows, n: classes, k: width, a: x, lda: width, b: w, ldb: width,
                        c: y, ldc: classes)
                }
            }
        }
        for row in 0..<features.rows {
            for label in 0..<classes {
                result[row, label] = Double(logits[row * classes + label]) + Double(bias[label])
            }
        }
        return result
    }
}
