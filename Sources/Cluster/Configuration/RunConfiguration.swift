import Collectives
import Foundation
import Inference
import Modeling
import Numerics
import Support
import Training

/// The resolved configuration of a training run: every option has its value.
///
/// It comes from three layers, the later ones win: the defaults, a YAML file, the options of the command line (see
/// ``RunOptions``). A property becomes an option by its entry in ``RunOptionTable/standard``; the default is the
/// property's.
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
    /// The name of what the model is trained for, see `Tasks`; nil to see from the data.
    public var task: String?
    /// How the model is made.
    public var method = TrainingMethod.auto
    /// The time in which methods are compared where ``method`` leaves it open; nil for none.
    public var budget: TimeBudget?
    /// What was given, by which ``MethodChoice`` goes.
    var given = Given()
    /// Whether a fine-tuning begins with the classifier of a probe.
    public var headFirst = false
    /// What a contrastive method learns by.
    public var contrastiveLoss = ContrastiveLoss.supervised
    /// What cosines are divided by in a contrastive loss over all texts of a step; nil for what is usual of the loss.
    public var contrastiveTemperature: Double?
    /// Pairs of one class, and as many of two, that each text begins.
    public var pairsPerText = 20
    /// The folders of classifiers whose outputs are learnt, with commas between them; nil for a probe.
    public var teacher: String?
    /// What the logits of teacher and student are divided by.
    public var distillationTemperature = 2.0
    /// What the class of a text counts for where it is known.
    public var distillationLabelWeight = 0.5
    /// The file of descriptions of the classes; nil for none.
    public var labels: String?
    /// Further descriptions, each as `label=description`; nil for none.
    public var labelDescriptions: [String]?
    /// The file of texts without labels that are learnt from; nil for none.
    public var unlabeled: String?
    /// How often each class occurs among those; nil to estimate it.
    public var classShares: String?
    /// Windows that a long text is cut into at most, where embeddings are collected.
    public var windows = 2
    /// Whether embeddings are kept on this machine for other runs.
    public var embeddingCache = true
    /// What stands between several labels of a text; nil for a comma.
    public var labelSeparator: String?
    /// Which scores of pairs stand for the cosines 0 and 1; nil to see from the data.
    public var scoreRange: ScoreRange?
    /// Whether tags of words that break their scheme are mended.
    public var repairTags = false
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
    /// Whether ``batchSize`` follows from the number of examples when the data are read: where it was not given, and
    /// texts are compared with all others of a step.
    public var choosesBatch = false
    /// Weight decay, not applied to biases and LayerNorm.
    public var weightDecay = 0.01
    /// The optimizer.
    public var optimizer = OptimizerName.adamw
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
    /// How much each class counts: `balanced`, or a file; nil for all alike.
    public var classWeights: String?
    /// The exponent of the focal loss; nil for cross-entropy.
    public var focalLoss: Double?
    /// How much it counts that two passes with different dropout agree (R-Drop); nil for one pass.
    public var rDrop: Double?
    /// The parts of the model that are not trained; nil for none.
    public var freeze: PartSelection?
    /// The only parts of the model that are trained; nil for all.
    public var trainOnly: PartSelection?
    /// The adapter that is trained in place of the encoder; nil for none.
    public var lora: AdapterSelection?
    /// The folder of an adapter that is trained on; nil for none.
    public var adapter: String?
    /// The highest learning rate of the head; nil for ``learningRate``.
    public var headLearningRate: Double?
    /// What the learning rate is multiplied with for each layer further from the head; nil for the same rate
    /// everywhere.
    public var layerDecay: Double?
    /// The share of the steps, the last ones, over which the weights are averaged; nil for no averaging.
    public var averageWeights: Double?
    /// In what the encoder's products are computed.
    public var precision = Precision.float32
    /// Tokens of a text at most, the special ones included; nil for ``defaultMaxLength``, or as many as the model has
    /// positions where those are fewer.
    public var maxLength: Int?
    /// Tokens of a text at most where nothing else is asked for.
    public static let defaultMaxLength = 128
    /// Draws all weights of a model that is to be pretrained, of which config.json and the tokenizer are read alone.
    public var fromScratch = false
    /// The share of tokens that a model in pretraining is to guess.
    public var maskProbability = 0.15
    /// The share of the documents that is held out of a pretraining for validation; nil for none.
    public var validationShare: Double?
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

    /// Options that were given where they may have been left to their defaults. It says how a configuration was made,
    /// and not what it is: any two are equal.
    struct Given: Sendable, Equatable {
        /// The first option that says something of steps; nil for none.
        var optionOfSteps: String?
        /// Whether ``windows`` was given.
        var hasWindows = false

        static func == (_: Given, _: Given) -> Bool { true }
    }

    /// The defaults, without the paths that have none.
    public static let standard = RunConfiguration(model: "", train: "", output: "")

    /// A configuration with the defaults for everything else.
    public init(model: String, train: String, output: String) {
        self.model = model
        self.train = train
        self.output = output
    }

    /// The settings that the gradient and the optimizer depend on.
    public var hyperparameters: Hyperparameters {
        let kind: OptimizerKind =
            switch optimizer {
            case .adamw: .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon)
            case .sgd: .sgd(momentum: momentum, nesterov: nesterov)
            }
        var result = Hyperparameters(
            optimizer: kind, weightDecay: weightDecay, clipNorm: clipNorm, dropout: dropout,
            precision: precision, recompute: recompute, layerDecay: layerDecay)
        if let headLearningRate, learningRate > 0 { result.headFactor = headLearningRate / learningRate }
        return result
    }

    /// Of a phase of so many steps, those after which the weights are averaged: all but the last share of them, which
    /// is at least one step; nil for no averaging.
    func averagedAfter(steps: Int) -> Int? {
        guard let averageWeights, steps > 0 else { return nil }
        return steps - max(1, min(steps, Int((averageWeights * Double(steps)).rounded())))
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
            throw .unused(RunOption.name(of: unused.key), reason: unused.reason)
        }
        var options = options
        // Where no labelled text is learnt from, what the classes are is all that the training set would say.
        if options.shots == 0, options.train == nil { options.train = options.labels }
        let table = options.table
        for option in table.options where !options.gives(option.key) {
            if let what = option.required { throw .missingOption(option.name, what: what) }
        }
        self = .standard
        for option in table.options {
            if let value = options[option.key] { try option.apply(value, &self) }
        }
        if steps != nil { epochs = nil }
        choosesEpochs = options.epochs == nil && options.steps == nil
        choosesRate = options.learningRate == nil
        given = Given(optionOfSteps: options.givenOptionOfSteps, hasWindows: options.gives("windows"))
        choosesBatch = method == .contrastive && !options.gives("batch_size")
        // A user who says when by steps, or that there shall be none, need not say it twice.
        if options.checkpointMinutes == nil, options.gives("checkpoint_every") { checkpointMinutes = nil }
        try validate(table)
    }

    /// Every option with its value, as ``RunOptions``; what is nil there is off.
    public var options: RunOptions { options(of: .standard) }

    /// Every option of `table` that has an effect, with its value.
    func options(of table: RunOptionTable) -> RunOptions {
        var result = RunOptions(table: table)
        for option in table.options where isChosen(option.owner, table) { result[option.key] = option.current(self) }
        if choosesEpochs { (result["epochs"], result["steps"]) = (nil, nil) }
        if choosesRate { result["learning_rate"] = nil }
        if choosesBatch { result["batch_size"] = nil }
        // What has no effect would be refused when it is read.
        while let unused = result.unused { result[unused.key] = nil }
        return result
    }

    /// Whether the optimizer, schedule or method is `owner`'s.
    private func isChosen(_ owner: RunOption.Owner?, _ table: RunOptionTable) -> Bool {
        guard let owner, let choice = table.option(owner.choice) else { return true }
        return owner.values.contains { choice.current(self) == .text($0) }
    }

    /// Whether the classifier stands on embeddings, from which it is computed at first.
    var computesClassifier: Bool { method.computesClassifier || headFirst }

    /// See ``RunSummary/communicationHints``. Those that keep every bit come first.
    var communicationHints: [String] {
        var remedies: [String] = []
        // A worker alone sends nothing.
        guard workers > 1 else { return remedies }
        if !compressWire { remedies.append("--compress-wire (the same weights, more computing)") }
        if microBatches > workers {
            // Only the last micro-batch's backward pass runs beside sending.
            remedies.append("--micro-batches \(workers) (one per worker: other weights, more memory)")
        }
        if wire == .float32 { remedies.append("--wire bf16 (rounded gradients, other weights)") }
        return remedies
    }

    /// What `run.yaml` holds.
    public func yaml() -> String { options.yaml() }
}
