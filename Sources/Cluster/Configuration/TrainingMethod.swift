/// The methods of training, as the option `method` names them.
public enum TrainingMethod: String, Sendable, Equatable, CaseIterable {
    /// Encoder and head learn together.
    case finetune
    /// A classifier is computed from embeddings of the texts; the encoder stays as it is.
    case probe
}
