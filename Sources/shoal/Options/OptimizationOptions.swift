import ArgumentParser
import Cluster

/// Everything that decides what is learnt from the data, and for how long.
struct OptimizationOptions: ParsableArguments {
    private static let run = Defaults.run

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Passes over the training examples (default: \(run.epochs.map { "\($0)" } ?? "none"), or more for few "
                + "examples, where --steps is not given either).",
            valueName: "count"))
    var epochs: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Steps of the whole run, in place of --epochs.", valueName: "count")
    )
    var steps: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Examples of a step, over all workers: the global batch (default: \(run.batchSize)).", valueName: "count"))
    var batchSize: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Micro-batches that a step is cut into, at least as many as workers; the result depends on it, on the "
                + "number of workers it does not (default: \(run.microBatches)).", valueName: "count"))
    var microBatches: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The highest learning rate (default: \(run.learningRate), or 0.0001 for few examples).",
            valueName: "rate"))
    var learningRate: Double?

    @Option(help: ArgumentHelp("adamw or sgd (default: \(run.optimizer)).", valueName: "name"))
    var optimizer: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Weight decay of all parameters but biases and LayerNorm (default: \(run.weightDecay)).",
            valueName: "factor"))
    var weightDecay: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("AdamW: decay of the first moment (default: \(run.beta1)).", valueName: "factor"))
    var beta1: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("AdamW: decay of the second moment (default: \(run.beta2)).", valueName: "factor"))
    var beta2: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("AdamW: what is added to the denominator (default: \(run.epsilon)).", valueName: "number"))
    var epsilon: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("SGD: momentum, 0 for none (default: \(run.momentum)).", valueName: "factor"))
    var momentum: Double?

    @Flag(inversion: .prefixedNo, help: "SGD: Nesterov's momentum (default: no).")
    var nesterov: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Global norm that the gradient is clipped to, 0 for no clipping (default: "
                + "\(run.clipNorm.map { "\($0)" } ?? "none")).", valueName: "norm"))
    var clipNorm: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Dropout probability in place of the model's own (default: the model's).", valueName: "share"))
    var dropout: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Share of the target that is spread over all classes (default: \(run.labelSmoothing)).",
            valueName: "share"))
    var labelSmoothing: Double?

    @Option(
        help: ArgumentHelp(
            "float32, or bf16: the encoder's products in bfloat16, on processors with AVX512-BF16 or AMX "
                + "(default: \(run.precision.rawValue)).", valueName: "name"))
    var precision: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Seed of shuffling, dropout, new weights and --shots (default: \(run.seed)).", valueName: "number"))
    var seed: UInt64?

    func apply(to options: inout RunOptions) {
        (options.epochs, options.steps, options.batchSize, options.microBatches) =
            (epochs, steps, batchSize, microBatches)
        (options.learningRate, options.optimizer, options.weightDecay) = (learningRate, optimizer, weightDecay)
        (options.beta1, options.beta2, options.epsilon) = (beta1, beta2, epsilon)
        (options.momentum, options.nesterov, options.clipNorm) = (momentum, nesterov, clipNorm)
        (options.dropout, options.labelSmoothing, options.seed) = (dropout, labelSmoothing, seed)
        options.precision = precision
    }
}
