/// Chooses texts to label next: those that a classifier is unsure of, and that differ from each other.
///
/// The first is the most unsure one, then each time the one with the largest product of its uncertainty and its squared
/// distance to the nearest one chosen: farthest-first traversal, as of a greedy k-center cover (Sener and Savarese,
/// "Active learning for convolutional neural networks: a core-set approach", 2018), weighted by uncertainty as the
/// gradient's length weights it in BADGE (Ash et al., "Deep batch active learning by diverse, uncertain gradient lower
/// bounds", 2020). Nothing is random.
public enum LabelQueries {
    /// How unsure a classifier is of each text: 1 less the margin between the two most probable classes.
    public static func uncertainties(_ probabilities: ScoreMatrix) -> [Double] {
        (0..<probabilities.rows).map { row in
            var (first, second) = (0.0, 0.0)
            for label in 0..<probabilities.classes {
                let p = probabilities[row, label]
                if p > first {
                    (first, second) = (p, first)
                } else if p > second {
                    second = p
                }
            }
            return 1 - (first - second)
        }
    }

    /// The texts to label, the most useful first; all of them where there are no more than `count`.
    ///
    /// - Parameters:
    ///   - features: What tells texts apart; only directions count.
    ///   - count: Texts to choose.
    public static func choose(_ probabilities: ScoreMatrix, _ features: FeatureMatrix, count: Int) -> [Int] {
        precondition(probabilities.rows == features.rows)
        let uncertainties = uncertainties(probabilities)
        let directions = features.directions
        // Before anything is chosen all are equally far.
        var distances = [Double](repeating: 1, count: features.rows)
        var isChosen = [Bool](repeating: false, count: features.rows)
        var chosen: [Int] = []
        while chosen.count < min(max(count, 0), features.rows) {
            var best: Int?
            func worth(_ row: Int) -> (Double, Double) { (uncertainties[row] * distances[row], uncertainties[row]) }
            for row in 0..<features.rows where !isChosen[row] {
                if let other = best, worth(row) <= worth(other) { continue }
                best = row
            }
            guard let best else { break }
            chosen.append(best)
            isChosen[best] = true
            let products = LinearClassifier(
                classes: 1, width: directions.width, weights: directions.selecting([best]).values, bias: [0]
            ).scores(directions)
            for row in 0..<features.rows {
                let distance = max(2 - 2 * products[row, 0], 0)
                distances[row] = chosen.count == 1 ? distance : min(distances[row], distance)
            }
        }
        return chosen
    }
}

extension FeatureMatrix {
    /// The rows, each of length 1; a row of zeros stays.
    fileprivate var directions: FeatureMatrix {
        var values = values
        for row in 0..<rows {
            let range = (row * width)..<((row + 1) * width)
            let length = values[range].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            guard length > 0 else { continue }
            for i in range { values[i] = Float(Double(values[i]) / length) }
        }
        return FeatureMatrix(rows: rows, width: width, values: values)
    }
}
