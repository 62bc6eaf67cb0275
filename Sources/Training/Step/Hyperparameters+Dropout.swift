import Modeling

extension Hyperparameters {
    /// The dropout masks of a step: the chosen probability, or else the model's own ones.
    func dropoutPlan(for model: ModelSpecification, seed: UInt64, step: UInt64) -> DropoutPlan? {
        let chosen = dropout.map { Float($0) }
        return DropoutPlan(
            seed: seed, step: step, hidden: DropoutRate(chosen ?? model.encoder.hiddenDropout),
            attention: DropoutRate(chosen ?? model.encoder.attentionDropout),
            head: DropoutRate(chosen ?? model.head.dropout),
            // An adapter has a setting of its own.
            adapter: DropoutRate(model.adapter?.dropout ?? 0))
    }
}
