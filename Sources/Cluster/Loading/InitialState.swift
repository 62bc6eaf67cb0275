import Checkpoint
import Modeling
import Numerics
import Support
import Training

/// The state that a coordinator begins with: its checkpoint, or the weights of the model.
struct InitialState {
    var state: LoadedState
    /// What of the model is new, and what of it is not used.
    var notices: [String] = []
    /// What of the model can hardly be meant.
    var warnings: [String] = []

    /// Reads it.
    ///
    /// - Parameters:
    ///   - source: The folder to read, which is `checkpoint` where there is one.
    ///   - phases: The run's.
    ///   - layouts: Theirs.
    ///   - first: The phase whose model a new run begins with: the first that is not a teacher's.
    ///   - adapter: An adapter that is trained on.
    ///   - seed: Draws what the model lacks.
    ///   - labels: The classes, in the order of the logits.
    ///   - purpose: What the model is for.
    ///   - configuration: The model's, if all of its weights are to be drawn.
    init(
        _ source: RunModel, _ phases: [PhasePlan], _ layouts: [ParameterLayout], first: Int,
        checkpoint: CheckpointFolder?,
        adapter: AdapterFolder?, seed: UInt64, labels: [String],
        purpose: ModelPurpose, drawing configuration: ModelConfiguration?
    ) throws {
        if let checkpoint {
            state = try LoadedState(checkpoint, phases, layouts)
            return
        }
        if let configuration {
            let drawn = WeightLoader.draw(
                phases[first].model, layout: layouts[first], configuration: configuration, seed: seed)
            state = LoadedState(weights: drawn.weights)
            notices.append("all weights are drawn by --seed \(seed)")
            return
        }
        let loaded = try WeightLoader.load(
            source.directory, phases[first].model, layout: layouts[first], missingHead: .initialize(seed: seed),
            labels: labels)
        state = LoadedState(weights: loaded.weights)
        if let adapter {
            try adapter.checkBase(source.directory, loaded.weights, layouts[first])
            let head = try adapter.read(into: loaded.weights, layouts[first], labels: labels, purpose: purpose)
            let path = adapter.path.printable()
            let what =
                switch head {
                case .read: " and its head"
                case .none: ""
                case .other: ": its head is for other labels or another task, and not used"
                }
            notices.append("training goes on from the adapter \(path)" + what)
            if head == .read { return }
        }
        if !loaded.drawn.isEmpty, phases[first].model.adapter != nil, phases[first].model.head.tiesWords {
            throw RunError.failed(
                "\(source.directory.path) has no head of a masked language model, and beside an adapter none is trained: "
                    + "begin with a model that has one, or train all of it, without \(adapter == nil ? "--lora" : "--adapter")"
            )
        }
        if !loaded.drawn.isEmpty, !phases[first].model.trainable.contains(.head) {
            warnings.append("the head is drawn anew and is not trained: what it puts out stays random")
        }
        notices += loaded.notices(labels: labels, head: phases[first].model.head, of: source.directory)
    }
}

extension StatePart {
    /// What a checkpoint must hold.
    static func parts(of hyperparameters: Hyperparameters) -> [StatePart] {
        let optimizer = hyperparameters.optimizer
        return [.weights] + (optimizer.usesFirstMoment ? [.firstMoment] : [])
            + (optimizer.usesSecondMoment ? [.secondMoment] : [])
            + (hyperparameters.averagedAfter == nil ? [] : [.lastWeights])
    }
}

extension Resumption {
    /// The best checkpoint by validation that is there; nil for a run that begins again, or went back before it.
    ///
    /// - Parameters:
    ///   - first: The step at which the phase began: what another phase has reached does not compare.
    ///   - step: The steps that are done.
    ///   - metric: By which states are compared.
    func keptBest(
        of runDirectory: String, after first: Int, upTo step: Int, by metric: MetricKind
    ) throws -> BestState? {
        let ranking = CheckpointRanking(metric)
        guard checkpoint != nil, let found = try CheckpointFolder.best(in: runDirectory, by: ranking),
            found.step <= step, found.step > first || first == 0
        else { return nil }
        return try Self.validation(of: found, by: metric)
    }

    /// The validation of the state that the run goes on from; nil where there was none, or in another phase.
    func lastValidation(after first: Int, by metric: MetricKind) throws -> BestState? {
        guard let checkpoint, checkpoint.step > first else { return nil }
        let found = try Self.validation(of: checkpoint, by: metric)
        return found.primary.value.isNaN ? nil : found
    }

    private static func validation(of checkpoint: CheckpointFolder, by metric: MetricKind) throws -> BestState {
        let metrics = try checkpoint.loadState().metrics
        return BestState(
            step: checkpoint.step, primary: Metric(metric, metrics[CheckpointRanking(metric).key] ?? .nan),
            loss: metrics[CheckpointRanking.lossKey] ?? .nan, isKept: true,
            threshold: metrics[BestState.thresholdKey].flatMap { ModelConfiguration.thresholds.contains($0) ? $0 : nil }
        )
    }
}
