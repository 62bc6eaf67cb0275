/// The optimizers, as the option `optimizer` names them.
public enum OptimizerName: String, Sendable, Equatable, CaseIterable {
    /// AdamW: Adam with decoupled weight decay.
    case adamw
    /// Stochastic gradient descent with momentum.
    case sgd
}
