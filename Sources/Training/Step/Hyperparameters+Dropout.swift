import Checkpoint
import Transformer

extension Hyperparameters {
    /// The dropout masks of a step: the chosen probability, or else the model's own ones.
    func dropoutPlan(for configuration: BertConfiguration, seed: UInt64, step: UInt64) -> DropoutPlan? {
        let chosen = dropout.map { Float($0) }
        return DropoutPlan(
            seed: seed, step: step, hidden: DropoutRate(chosen ?? configuration.hiddenDropout),
            attention: DropoutRate(chosen ?? configuration.attentionDropout),
            classifier: DropoutRate(chosen ?? configuration.classifierDropout ?? configuration.hiddenDropout))
    }
}
