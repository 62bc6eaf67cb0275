import Corpus
import Modeling

/// What options say of the loss of a class.
extension TaskOptions {
    /// The value of `--class-weights` that takes the weights from the counts of the training set.
    public static let balanced = "balanced"

    /// Cross-entropy, or the focal loss, with the weights that are asked for.
    ///
    /// - Parameter data: The training set; nil where nothing is to be learnt.
    /// - Throws: An error that names the file of the weights.
    func classLoss(_ data: Dataset?) throws -> any Objective {
        let weights = if let data { try weights(of: data) } else { ClassWeights?.none }
        guard let focalGamma else {
            return regularized(CrossEntropy(labelSmoothing: labelSmoothing, classWeights: weights))
        }
        return regularized(FocalLoss(gamma: focalGamma, labelSmoothing: labelSmoothing, classWeights: weights))
    }

    /// The objective, or R-Drop of it, if that is asked for.
    func regularized(_ objective: any Objective) -> any Objective {
        rDrop.map { RegularizedDropout(alpha: $0, base: objective) } ?? objective
    }

    private func weights(of data: Dataset) throws -> ClassWeights? {
        guard let classWeights else { return nil }
        guard classWeights != Self.balanced else { return ClassWeights.balanced(data.classCounts) }
        return ClassWeights(
            try ClassWeightFile.read(classWeights, labels: data.labels, allowed: ClassWeights.allowed))
    }

    /// Throws an error if something is asked for that only the loss of a class has.
    ///
    /// - Parameter hasProbabilities: Whether outputs of two passes can be compared as probabilities.
    func refuseClassLoss(_ task: String, hasProbabilities: Bool = false) throws {
        func refuse(_ option: String, _ what: String) -> TaskError {
            TaskError("--\(option) \(what): it does not go with --task \(task); leave it out")
        }
        if labelSmoothing != 0 { throw refuse("label-smoothing", "spreads one class over all") }
        if classWeights != nil { throw refuse("class-weights", "is for examples with one class each") }
        if focalGamma != nil { throw refuse("focal-loss", "is for examples with one class each") }
        if rDrop != nil, !hasProbabilities { throw refuse("r-drop", "compares probabilities of classes or labels") }
    }
}
