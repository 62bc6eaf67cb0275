/// What the outputs of a classifier of sequences mean; the names are those of `problem_type` in `transformers`.
public enum ProblemType: String, Sendable, Codable, CaseIterable {
    /// Logits, of which the greatest is that of the class.
    case singleLabel = "single_label_classification"
    /// A logit for each class, which a sequence has or has not.
    case multiLabel = "multi_label_classification"
    /// Numbers as they are.
    case regression

    /// Checks the targets of a head with so many outputs: one class for each sequence, or a number for each output, or
    /// what ``Distillation`` learns, or none at all.
    func validate(_ targets: Targets, outputs: Int) throws(ModelError) {
        switch (targets, self) {
        case (.none, _): break
        case (.classes(let classes), .singleLabel):
            for label in classes where label < 0 || Int(label) >= outputs {
                throw .invalidBatch("label \(label), the model has \(outputs)")
            }
        case (.values(_, let width), .singleLabel):
            guard width == outputs + Distillation.leading else {
                throw .invalidBatch("\(width) numbers of a teacher, the model has \(outputs) classes")
            }
        case (.values(let values, let width), .multiLabel), (.values(let values, let width), .regression):
            guard width == outputs else { throw .invalidBatch("\(width) values of a text, the model has \(outputs)") }
            if self == .multiLabel, let value = values.first(where: { $0 != 0 && $0 != 1 }) {
                throw .invalidBatch("a label that is \(value), not 0 or 1")
            }
        default: throw .invalidBatch("targets of another kind than \(rawValue)")
        }
    }

    /// The usual metrics of so many outputs.
    func makeMetrics(outputs: Int) -> any MetricAccumulator {
        switch self {
        case .singleLabel: ClassificationMetrics(classes: outputs)
        case .multiLabel: MultiLabelMetrics(labels: outputs)
        case .regression: RegressionMetrics(values: outputs)
        }
    }
}
