import Modeling

/// What one compute thread has to itself: a model over the shared weights, and buffers for gradients.
///
/// `@unchecked Sendable` because only thread i of a ``ComputeTeam`` uses the i-th of them while the team runs.
final class ComputeThread: @unchecked Sendable {
    let model: Model
    let buffers: GradientBuffers

    init(model: Model, buffers: GradientBuffers) {
        self.model = model
        self.buffers = buffers
    }
}
