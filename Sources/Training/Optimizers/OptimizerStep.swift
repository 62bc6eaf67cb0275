import CKernels
import Foundation

/// The scalars of one optimizer step, worked out in double precision, and the step itself over any run of parameters.
///
/// Every parameter is updated by itself, so a step may be cut into runs and dealt to threads in any way.
public struct OptimizerStep: Sendable {
    private enum Scalars: Sendable {
        case adamW(decaying: shoal_adamw_step, plain: shoal_adamw_step)
        case sgd(decaying: shoal_sgd_step, plain: shoal_sgd_step, hasVelocity: Bool)
    }

    /// By rate group.
    private let scalars: [Scalars]

    /// The step after `appliedSteps` steps, at `learningRate`, on a gradient that counts as `gradient * gradientScale`
    /// (1 / samples, times the clipping factor).
    ///
    /// - Parameter rateFactors: What the rate is multiplied with, by rate group; at least one.
    public init(
        _ hyperparameters: Hyperparameters, appliedSteps: UInt64, learningRate: Double, gradientScale: Double,
        rateFactors: [Double] = [1]
    ) {
        scalars = rateFactors.map {
            Self.scalars(
                hyperparameters, appliedSteps: appliedSteps, learningRate: learningRate * $0,
                gradientScale: gradientScale)
        }
    }

    private static func scalars(
        _ hyperparameters: Hyperparameters, appliedSteps: UInt64, learningRate: Double, gradientScale: Double
    ) -> Scalars {
        let decay = hyperparameters.weightDecay
        switch hyperparameters.optimizer {
        case .adamW(let beta1, let beta2, let epsilon):
            let t = Double(appliedSteps) + 1
            var plain = shoal_adamw_step()
            plain.gradient_scale = Float(gradientScale)
            plain.decay = 1
            plain.beta1_rest = Float(1 - beta1)
            plain.beta2 = Float(beta2)
            plain.beta2_rest = Float(1 - beta2)
            plain.step_size = Float(learningRate / (1 - power(beta1, t)))
            plain.sqrt_bias2 = Float((1 - power(beta2, t)).squareRoot())
            plain.epsilon = Float(epsilon)
            var decaying = plain
            decaying.decay = Float(1 - learningRate * decay)
            return .adamW(decaying: decaying, plain: plain)
        case .sgd(let momentum, let nesterov):
            var plain = shoal_sgd_step()
            plain.gradient_scale = Float(gradientScale)
            plain.weight_decay = 0
            plain.momentum = Float(momentum)
            plain.learning_rate = Float(learningRate)
            plain.nesterov = nesterov ? 1 : 0
            var decaying = plain
            decaying.weight_decay = Float(decay)
            return .sgd(decaying: decaying, plain: plain, hasVelocity: momentum != 0)
        }
    }

    /// Whether a parameter with zero moments and a zero gradient keeps zero moments.
    var keepsZeroMoments: Bool {
        switch scalars[0] {
        case .adamW: true
        // The decay goes through the velocity.
        case .sgd(let decaying, _, let hasVelocity): !hasVelocity || decaying.weight_decay == 0
        }
    }

    /// Updates the parameters in `range`, which all decay or all do not. `gradient` points to the gradient of the first
    /// of them; nil stands for zeros.
    public func update(
        _ state: OptimizerState, in range: Range<Int>, hasWeightDecay: Bool, rateGroup: Int = 0,
        gradient: UnsafePointer<Float>?
    ) {
        guard !range.isEmpty else { return }
        let start = range.lowerBound
        switch scalars[rateGroup] {
        case .adamW(let decaying, let plain):
            var step = hasWeightDecay ? decaying : plain
            shoal_adamw(state.weights + start, state.first + start, state.second + start, gradient, range.count, &step)
        case .sgd(let decaying, let plain, let hasVelocity):
            var step = hasWeightDecay ? decaying : plain
            if gradient == nil && !hasVelocity && step.weight_decay == 0 { return }
            shoal_sgd(state.weights + start, hasVelocity ? state.first + start : nil, gradient, range.count, &step)
        }
    }

    /// Updates the parameters in `range` given that their gradient and moments are all zero: the same bits as
    /// ``update(_:in:hasWeightDecay:rateGroup:gradient:)`` without a gradient, but neither reads nor writes the
    /// moments.
    func updateIdle(_ state: OptimizerState, in range: Range<Int>, hasWeightDecay: Bool, rateGroup: Int = 0) {
        precondition(keepsZeroMoments, "the moments of these parameters do not stay zero")
        guard !range.isEmpty else { return }
        switch scalars[rateGroup] {
        case .adamW(let decaying, _):
            // x - 0 is x, so only the decay is left.
            if hasWeightDecay && decaying.decay != 1 {
                shoal_scale(state.weights + range.lowerBound, decaying.decay, range.count)
            }
        case .sgd(let decaying, let plain, _):
            var step = hasWeightDecay ? decaying : plain
            if step.weight_decay == 0 { return }
            shoal_sgd(state.weights + range.lowerBound, nil, nil, range.count, &step)
        }
    }
}

/// `base` to the power of `exponent`, a whole number; in double precision.
private func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
