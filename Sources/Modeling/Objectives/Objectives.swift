/// The objectives that a model can learn by: one line for each.
public enum Objectives {
    /// All of them.
    public static let all: [any Objective.Type] = [
        CrossEntropy.self,
        Distillation.self,
        RegularizedDropout.self,
        FocalLoss.self,
        BinaryCrossEntropy.self,
        MeanSquaredError.self,
        CosineSimilarity.self,
        SupervisedContrastive.self,
        TokenContrastive.self,
        VocabularyCrossEntropy.self,
        NoObjective.self,
    ]
}
