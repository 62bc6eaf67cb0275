import Collectives
import Foundation
import Numerics
import Support
import Training
import Transformer

/// The resolved configuration of a training run: every option has its value.
///
/// It comes from three layers, the later ones win: the defaults, a YAML file, the options of the command line (see
/// ``RunOptions``). Names in YAML are those of the options with `_` for `-`.
public struct RunConfiguration: Sendable, Equatable {
    /// The Hugging Face folder of the model to start from.
    public var model: String
    /// The file of training examples.
    public var train: String
    /// The file that is evaluated after every epoch; nil for none.
    public var validation: String?
    /// The file that is evaluated at the end; nil for none.
    public var test: String?
    /// The run directory to write; it must not exist, or be empty.
    public var output: String
    /// The number of workers.
    public var workers = 1
    /// Compute threads of each worker that is started here; nil for those that ``localThreads`` finds.
    public var threadsPerWorker: Int?
    /// Gives each worker that is started here processors of its own.
    public var pinWorkers = false
    /// Examples of a step, over all workers.
    public var batchSize = 32
    /// Micro-batches that a step is cut into (the V of the design); at least as many as there are workers.
    public var microBatches = 8
    /// Passes over the training examples; nil if ``steps`` counts.
    public var epochs: Int? = 3
    /// Steps of the whole run; nil if ``epochs`` counts.
    public var steps: Int?
    /// The highest learning rate.
    public var learningRate = 5e-5
    /// Whether ``epochs`` follow from the number of examples when the data are read: where neither they nor ``steps``
    /// were given.
    public var choosesEpochs = false
    /// Whether ``learningRate`` follows from the number of examples when the data are read: where it was not given.
    public var choosesRate = false
    /// Weight decay, not applied to biases and LayerNorm.
    public var weightDecay = 0.01
    /// `adamw` or `sgd`.
    public var optimizer = "adamw"
    /// AdamW's decay of the first moment.
    public var beta1 = 0.9
    /// AdamW's decay of the second moment.
    public var beta2 = 0.999
    /// AdamW's epsilon.
    public var epsilon = 1e-8
    /// SGD's momentum.
    public var momentum = 0.9
    /// SGD with Nesterov's momentum.
    public var nesterov = false
    /// The shape of the learning rate after warmup.
    public var schedule = ScheduleKind.linear
    /// How long the learning rate rises first.
    public var warmup = Warmup.fraction(0.1)
    /// The settings of the schedule `plateau`.
    public var plateau = PlateauSettings()
    /// The greatest global norm of the gradient; nil for no clipping.
    public var clipNorm: Double? = 1
    /// The dropout probability in place of the model's own; nil leaves those.
    public var dropout: Double?
    /// The share of the target that is spread evenly over all classes.
    public var labelSmoothing = 0.0
    /// In what the encoder's products are computed.
    public var precision = Precision.float32
    /// Tokens of a text at most, the special ones included; nil for ``defaultMaxLength``, or as many as the model has
    /// positions where those are fewer.
    public var maxLength: Int?
    /// Tokens of a text at most where nothing else is asked for.
    public static let defaultMaxLength = 128
    /// The seed of shuffling, dropout, new weights and drawn examples.
    public var seed: UInt64 = 42
    /// Training examples drawn of each class; nil takes all.
    public var shots: Int?
    /// Leaves out classes with fewer than two examples, or than ``shots``.
    public var dropRareClasses = false
    /// The column of the text; nil guesses by the usual names.
    public var textColumn: String?
    /// The column of the second text of a pair; nil guesses, or there is none.
    public var textPairColumn: String?
    /// The column of the label; nil guesses by the usual names.
    public var labelColumn: String?
    /// Seconds without a sign of life after which a worker, or the coordinator, counts as lost.
    public var heartbeatTimeout = 5.0
    /// Seconds to wait for all workers to join.
    public var joinTimeout = 600.0
    /// Workers below which the others wait.
    public var minWorkers = 1
    /// How often workers that were started here are started again when they are lost, all together.
    public var maxRestarts = 10
    /// Seconds that workers wait for a coordinator that fell silent to be started again.
    public var orphanTimeout = 60.0
    /// Steps between checkpoints; nil for none by steps.
    public var checkpointEvery: Int?
    /// Minutes between checkpoints; nil for none by time.
    public var checkpointMinutes: Double? = 5
    /// The newest checkpoints that are kept, besides the best; with 0, none once the model is written.
    public var keepCheckpoints = 2
    /// Which state becomes the model.
    public var keep = KeptState.last
    /// Deals micro-batches to workers by their measured speed, not equally.
    public var balance = true
    /// Computes activations again for the backward pass instead of keeping them: less memory, more time, the same
    /// weights.
    public var recompute = false
    /// In what workers send gradients to each other.
    public var wire = WirePrecision.float32
    /// Sends gradients in fewer bytes, without a loss, at the cost of processor time.
    public var compressWire = false
    /// The folder of the coordinator's keys, as `shoal keygen` makes it; nil for none.
    public var keys: String?
    /// Allows to listen on addresses that other machines reach, without encryption.
    public var insecure = false

    /// A configuration with the defaults for everything else.
    public init(model: String, train: String, output: String) {
        self.model = model
        self.train = train
        self.output = output
    }

    /// The settings that the gradient and the optimizer depend on.
    public var hyperparameters: Hyperparameters {
        let kind: OptimizerKind =
            optimizer == "sgd"
            ? .sgd(momentum: momentum, nesterov: nesterov) : .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon)
        return Hyperparameters(
            optimizer: kind, weightDecay: weightDecay, clipNorm: clipNorm, dropout: dropout,
            precision: precision, recompute: recompute)
    }

    /// The settings of the learning-rate schedule.
    public var scheduleSettings: ScheduleSettings {
        ScheduleSettings(kind: schedule, learningRate: learningRate, warmup: warmup, plateau: plateau)
    }

    /// The layers, resolved and validated.
    ///
    /// - Parameters:
    ///   - options: the options of the command line; what is nil was not given.
    ///   - file: a YAML file with any of the options.
    /// - Throws: ``ConfigurationError`` that names the option, or the file and line.
    public static func resolve(
        _ options: RunOptions, file: String? = nil
    ) throws(ConfigurationError) -> RunConfiguration {
        try options.checkConflicts()
        var layer = options
        if let file {
            layer = options.merged(over: try RunOptions(yamlFile: file))
            if let unused = layer.unused, !options.gives(unused.key) {
                throw .file(path: file, line: 0, reason: "\(unused.key) \(unused.reason)")
            }
        }
        return try RunConfiguration(options: layer)
    }

    /// The configuration of `options`, with defaults for what they leave open; validated.
    public init(options: RunOptions) throws(ConfigurationError) {
        if let unused = options.unused {
            throw .unused(unused.key.replacing("_", with: "-"), reason: unused.reason)
        }
        guard let model = options.model else { throw .missingOption("model", what: "the folder of a model") }
        guard let train = options.train else { throw .missingOption("train", what: "the file of examples") }
        guard let output = options.output else { throw .missingOption("output", what: "the run directory to write") }
        self.init(
            model: try Self.path("model", model), train: try Self.path("train", train),
            output: try Self.path("output", output))
        validation = try Self.path("validation", options.validation)
        test = try Self.path("test", options.test)
        workers = options.workers ?? workers
        threadsPerWorker = options.threadsPerWorker
        pinWorkers = options.pinWorkers ?? pinWorkers
        batchSize = options.batchSize ?? batchSize
        microBatches = options.microBatches ?? microBatches
        steps = options.steps
        epochs = steps == nil ? options.epochs ?? epochs : nil
        choosesEpochs = options.epochs == nil && options.steps == nil
        choosesRate = options.learningRate == nil
        learningRate = options.learningRate ?? learningRate
        weightDecay = options.weightDecay ?? weightDecay
        optimizer = options.optimizer ?? optimizer
        beta1 = options.beta1 ?? beta1
        beta2 = options.beta2 ?? beta2
        epsilon = options.epsilon ?? epsilon
        momentum = options.momentum ?? momentum
        nesterov = options.nesterov ?? nesterov
        if let name = options.schedule {
            guard let kind = ScheduleKind(rawValue: name) else {
                throw .invalid("schedule", value: name, need: "plateau, linear, cosine or constant")
            }
            schedule = kind
        }
        if let text = options.warmup {
            do { warmup = try Warmup(parsing: text) } catch { throw .training(error) }
        }
        plateau.patience = options.patience ?? plateau.patience
        plateau.factor = options.factor ?? plateau.factor
        plateau.threshold = options.threshold ?? plateau.threshold
        plateau.cooldown = options.cooldown ?? plateau.cooldown
        plateau.minimumRate = options.minLearningRate ?? plateau.minimumRate
        // 0 is how one says "no clipping": YAML and command lines have no other common word for nothing.
        if let norm = options.clipNorm { clipNorm = norm == 0 ? nil : norm }
        dropout = options.dropout
        labelSmoothing = options.labelSmoothing ?? labelSmoothing
        if let name = options.precision {
            guard let known = Precision(rawValue: name) else {
                throw .invalid("precision", value: name, need: "float32 or bf16")
            }
            precision = known
        }
        maxLength = options.maxLength
        seed = options.seed ?? seed
        shots = options.shots
        dropRareClasses = options.dropRareClasses ?? dropRareClasses
        textColumn = options.textColumn
        textPairColumn = options.textPairColumn
        labelColumn = options.labelColumn
        heartbeatTimeout = options.heartbeatTimeout ?? heartbeatTimeout
        joinTimeout = options.joinTimeout ?? joinTimeout
        minWorkers = options.minWorkers ?? minWorkers
        maxRestarts = options.maxRestarts ?? maxRestarts
        orphanTimeout = options.orphanTimeout ?? orphanTimeout
        // 0 is "no": as with clip_norm.
        checkpointEvery = options.checkpointEvery.flatMap { $0 == 0 ? nil : $0 }
        if let minutes = options.checkpointMinutes {
            checkpointMinutes = minutes == 0 ? nil : minutes
        } else if options.checkpointEvery != nil {
            // Who says when by steps, or that there shall be none, need not say it twice.
            checkpointMinutes = nil
        }
        if let name = options.keep {
            guard let known = KeptState(rawValue: name) else {
                throw .invalid("keep", value: name, need: "best or last")
            }
            keep = known
        }
        keepCheckpoints = options.keepCheckpoints ?? keepCheckpoints
        balance = options.balance ?? balance
        recompute = options.recompute ?? recompute
        if let name = options.wire {
            guard let known = WirePrecision(rawValue: name) else {
                throw .invalid("wire", value: name, need: "float32 or bf16")
            }
            wire = known
        }
        compressWire = options.compressWire ?? compressWire
        keys = try Self.path("keys", options.keys)
        insecure = options.insecure ?? insecure
        try validate()
    }

    /// A path as the system wants it: a shell does not see those in YAML, and not those in quotes.
    private static func path(_ option: String, _ value: String) throws(ConfigurationError) -> String {
        do { return try UserPath.expand(value) } catch {
            throw .invalid(option, value: value, need: "a path: \(error.reason)")
        }
    }

    private static func path(_ option: String, _ value: String?) throws(ConfigurationError) -> String? {
        guard let value else { return nil }
        return try path(option, value) as String
    }

    /// Every option with its value, as ``RunOptions``; what is nil there is off.
    public var options: RunOptions {
        var o = RunOptions()
        (o.model, o.train, o.validation, o.test, o.output) = (model, train, validation, test, output)
        (o.workers, o.threadsPerWorker, o.batchSize, o.microBatches) =
            (workers, threadsPerWorker, batchSize, microBatches)
        o.pinWorkers = pinWorkers
        (o.epochs, o.steps) = (epochs, steps)
        (o.learningRate, o.weightDecay, o.optimizer) = (learningRate, weightDecay, optimizer)
        if choosesEpochs { (o.epochs, o.steps) = (nil, nil) }
        if choosesRate { o.learningRate = nil }
        if optimizer == "sgd" {
            (o.momentum, o.nesterov) = (momentum, nesterov)
        } else {
            (o.beta1, o.beta2, o.epsilon) = (beta1, beta2, epsilon)
        }
        (o.schedule, o.warmup) = (schedule.rawValue, warmup.description)
        if schedule == .plateau {
            (o.patience, o.factor, o.threshold) = (plateau.patience, plateau.factor, plateau.threshold)
            (o.cooldown, o.minLearningRate) = (plateau.cooldown, plateau.minimumRate)
        }
        (o.clipNorm, o.dropout, o.labelSmoothing) = (clipNorm ?? 0, dropout, labelSmoothing)
        o.precision = precision.rawValue
        (o.maxLength, o.seed, o.shots, o.dropRareClasses) = (maxLength, seed, shots, dropRareClasses)
        (o.textColumn, o.textPairColumn, o.labelColumn) = (textColumn, textPairColumn, labelColumn)
        (o.heartbeatTimeout, o.joinTimeout, o.insecure) = (heartbeatTimeout, joinTimeout, insecure)
        (o.minWorkers, o.maxRestarts, o.orphanTimeout) = (minWorkers, maxRestarts, orphanTimeout)
        (o.checkpointEvery, o.checkpointMinutes) = (checkpointEvery, checkpointMinutes ?? 0)
        o.keep = keep.rawValue
        (o.keepCheckpoints, o.balance, o.recompute) = (keepCheckpoints, balance, recompute)
        (o.wire, o.compressWire) = (wire.rawValue, compressWire)
        o.keys = keys
        return o
    }

    /// See ``RunSummary/remediesForWaiting``. Those that keep every bit come first.
    var remediesForWaiting: [String] {
        var remedies: [String] = []
        // A worker alone sends nothing.
        guard workers > 1 else { return remedies }
        if !compressWire { remedies.append("--compress-wire (the same weights, more computing)") }
        if microBatches > workers {
            // Only the last micro-batch's backward pass runs beside sending.
            remedies.append("--micro-batches \(workers) (one a worker: other weights, more memory)")
        }
        if wire == .float32 { remedies.append("--wire bf16 (rounded gradients, other weights)") }
        return remedies
    }

    /// What `run.yaml` holds.
    public func yaml() -> String { options.yaml() }
}
