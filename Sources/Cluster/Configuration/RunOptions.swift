import Training

/// One layer of a run's configuration: what a YAML file, or a command line, gives. Nil is "not given".
///
/// The meaning of each is told at ``RunConfiguration``.
public struct RunOptions: Sendable, Equatable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var model, train, validation, test, output: String?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var workers, threadsPerWorker, batchSize, microBatches, epochs, steps: Int?
    /// Give each worker that is started here processors of its own.
    public var pinWorkers: Bool?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var learningRate, weightDecay: Double?
    /// `adamw` or `sgd`.
    public var optimizer: String?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var beta1, beta2, epsilon, momentum: Double?
    /// Nesterov's momentum.
    public var nesterov: Bool?
    /// `plateau`, `linear`, `cosine` or `constant`.
    public var schedule: String?
    /// As `Warmup.init(parsing:)` reads it.
    public var warmup: String?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var patience, cooldown: Int?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var factor, threshold, minLearningRate: Double?
    /// The greatest gradient norm; 0 turns clipping off.
    public var clipNorm: Double?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var dropout, labelSmoothing: Double?
    /// `float32` or `bf16`.
    public var precision: String?
    /// Tokens of a text at most.
    public var maxLength: Int?
    /// The seed of everything random.
    public var seed: UInt64?
    /// Training examples drawn of each class.
    public var shots: Int?
    /// Leave out classes with too few examples.
    public var dropRareClasses: Bool?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var textColumn, textPairColumn, labelColumn: String?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var heartbeatTimeout, joinTimeout: Double?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var minWorkers, maxRestarts, checkpointEvery, keepCheckpoints: Int?
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public var orphanTimeout, checkpointMinutes: Double?
    /// Which state becomes the model: `best` or `last`.
    public var keep: String?
    /// Deal micro-batches by measured speed.
    public var balance: Bool?
    /// Compute activations again instead of keeping them.
    public var recompute: Bool?
    /// `float32` or `bf16`.
    public var wire: String?
    /// Compress what is sent.
    public var compressWire: Bool?
    /// The folder of the coordinator's keys.
    public var keys: String?
    /// Listen without encryption where other machines reach it.
    public var insecure: Bool?

    /// A layer that gives nothing.
    public init() {}

    /// All options, in the order in which `run.yaml` lists them.
    static let fields: [RunOptionField] = [
        .init("model", \.model), .init("train", \.train), .init("validation", \.validation), .init("test", \.test),
        .init("output", \.output), .init("workers", \.workers), .init("threads_per_worker", \.threadsPerWorker),
        .init("pin_workers", \.pinWorkers),
        .init("batch_size", \.batchSize), .init("micro_batches", \.microBatches), .init("epochs", \.epochs),
        .init("steps", \.steps), .init("learning_rate", \.learningRate), .init("weight_decay", \.weightDecay),
        .init("optimizer", \.optimizer), .init("beta1", \.beta1), .init("beta2", \.beta2), .init("epsilon", \.epsilon),
        .init("momentum", \.momentum), .init("nesterov", \.nesterov), .init("schedule", \.schedule),
        .init("warmup", \.warmup), .init("patience", \.patience), .init("factor", \.factor),
        .init("threshold", \.threshold), .init("cooldown", \.cooldown),
        .init("min_learning_rate", \.minLearningRate), .init("clip_norm", \.clipNorm), .init("dropout", \.dropout),
        .init("label_smoothing", \.labelSmoothing), .init("precision", \.precision),
        .init("max_length", \.maxLength), .init("seed", \.seed),
        .init("shots", \.shots), .init("drop_rare_classes", \.dropRareClasses), .init("text_column", \.textColumn),
        .init("text_pair_column", \.textPairColumn),
        .init("label_column", \.labelColumn), .init("heartbeat_timeout", \.heartbeatTimeout),
        .init("join_timeout", \.joinTimeout), .init("min_workers", \.minWorkers),
        .init("max_restarts", \.maxRestarts), .init("orphan_timeout", \.orphanTimeout),
        .init("checkpoint_every", \.checkpointEvery), .init("checkpoint_minutes", \.checkpointMinutes),
        .init("keep_checkpoints", \.keepCheckpoints), .init("keep", \.keep), .init("balance", \.balance),
        .init("recompute", \.recompute), .init("wire", \.wire), .init("compress_wire", \.compressWire),
        .init("keys", \.keys), .init("insecure", \.insecure),
    ]

    /// The names of all options in YAML.
    public static var names: [String] { fields.map(\.key) }

    /// The value of the option called `name`, as text; nil where it is not given, or there is no such option.
    public func text(of name: String) -> String? {
        Self.fields.first { $0.key == name }?.write(self)?.scalar?.string
    }

    /// This layer where it gives something, `base` elsewhere. Of `epochs` and `steps`, that of the upper layer counts;
    /// with another optimizer or schedule, the settings of that of `base` go.
    public func merged(over base: RunOptions) -> RunOptions {
        var result = base.withoutSettings(replacedBy: self)
        if epochs != nil { result.steps = nil }
        if steps != nil { result.epochs = nil }
        for field in Self.fields { field.overlay(&result, self) }
        return result
    }

    /// Throws if options that exclude each other are both given.
    func checkConflicts() throws(ConfigurationError) {
        if epochs != nil, steps != nil { throw .conflict("epochs", "steps") }
    }
}
