import CKernels

/// Softmax cross-entropy of tokens against a whole vocabulary: `torch.nn.functional.cross_entropy` with
/// `reduction="sum"` and the label -1 left out.
///
/// Exponentials are computed in float32, many at a time; ``CrossEntropy``, in double precision, is for few classes.
public struct VocabularyCrossEntropy: Objective {
    /// See ``Objective``.
    public static let kind = "vocabulary-cross-entropy"

    /// The only one there is.
    public init() {}

    /// The head must have a row for each token, with more than one float.
    public func validate(head: any Head) throws(ModelError) {
        guard head.isPerToken else { throw .invalidModel("its objective is about tokens, its head about sequences") }
    }

    /// Tokens, to guess.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .tokens = targets else { throw .invalidBatch("no tokens to guess") }
    }

    /// The number of tokens to guess.
    public func weight(of targets: Targets) -> Double {
        guard case .tokens(let labels) = targets else { return 0 }
        return Double(labels.count { $0 != Target.ignored })
    }

    /// The sum over the rows; the gradient may take the memory of the outputs.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .tokens(let labels) = targets else { return 0 }
        var sum = 0.0
        for (row, label) in labels.enumerated() {
            let gradient = withGradient ? outputs.gradient + row * outputs.width : nil
            guard label >= 0, Int(label) < outputs.width else {
                gradient?.update(repeating: 0, count: outputs.width)
                continue
            }
            sum += shoal_cross_entropy(outputs.values + row * outputs.width, gradient, outputs.width, Int(label))
        }
        return sum
    }

    /// The loss of each row; 0 for a token that is not to be guessed.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .tokens(let labels) = targets else { return [] }
        return labels.enumerated().map { row, label in
            guard label >= 0, Int(label) < outputs.width else { return 0 }
            return shoal_cross_entropy(outputs.values + row * outputs.width, nil, outputs.width, Int(label))
        }
    }
}
