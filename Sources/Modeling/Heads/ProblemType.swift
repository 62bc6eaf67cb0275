/// What the outputs of a classifier of sequences mean; the names are those of `problem_type` in `transformers`.
public enum ProblemType: String, Sendable, Codable, CaseIterable {
    /// Logits, of which the greatest is that of the class.
    case singleLabel = "single_label_classification"
    /// A logit for each class, which a sequence has or has not.
    case multiLabel = "multi_label_classification"
    /// Numbers as they are.
    case regression
}
