/// The methods of training, as the option `method` names them.
public enum TrainingMethod: String, Sendable, Equatable, CaseIterable {
    /// One of the others, by the data: see ``MethodChoice``. Where nothing has decided it, fine-tuning.
    case auto
    /// Encoder and head learn together.
    case finetune
    /// A classifier is computed from embeddings of the texts; the encoder stays as it is.
    case probe
    /// The encoder learns to tell the classes apart by comparing texts; then the classifier is computed as that of a
    /// probe.
    case contrastive
    /// Encoder and classifier learn the outputs of other models, or of a probe, on texts with and without labels.
    case distill

    /// Whether a classifier is computed from embeddings, of which the model is made or from which it goes on.
    var computesClassifier: Bool { self == .probe || self == .contrastive || self == .distill }
}

/// What a contrastive method learns by, as the option `contrastive_loss` names it.
public enum ContrastiveLoss: String, Sendable, Equatable, CaseIterable {
    /// Every text of a step is compared with all others: `SupervisedContrastive`.
    case supervised
    /// Pairs of texts are compared, as SetFit does: `CosineSimilarity` of `ContrastedPairs`.
    case pairs
    /// Every text of a step and a description of its class are compared with all others, token by token, as FastFit
    /// does: `TokenContrastive` of `ContrastedDescriptions`.
    case fastfit
}
