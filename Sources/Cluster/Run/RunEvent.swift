import Modeling
import Training

/// What happens in a run, to be shown. Delivered one at a time, in order.
public enum RunEvent: Sendable {
    /// A run is resumed, which has this checkpoint; where it has none, it goes on from the state of workers that live
    /// still, or from its beginning.
    case resuming(checkpoint: String?)
    /// Data and model are known; workers may still be joining.
    case started(RunSummary)
    /// A worker has joined; `joined` of `expected` are there.
    case workerJoined(WorkerSummary, joined: Int, expected: Int)
    /// All workers hold the weights and are connected: the first step begins.
    case training
    /// A step was taken by all workers.
    case step(StepMetrics)
    /// An evaluation is under way: `done` of `total` examples.
    case evaluating(EvaluationKind, done: Int, total: Int)
    /// An evaluation is done.
    case evaluation(EvaluationRecord)
    /// The model or a checkpoint is being written.
    case saving
    /// A checkpoint was written to this folder.
    case checkpoint(String)
    /// A line that a local worker wrote to its standard error.
    case workerOutput(worker: String, line: String)
    /// A worker is gone (a line about it); so many are left.
    case workerLost(String, left: Int)
    /// The run waits for more workers.
    case waiting(workers: Int, needed: Int)
    /// The workers have formed a new generation, and continue after so many steps.
    case regrouped(generation: UInt64, workers: Int, step: Int)
    /// No worker has the newest state: the run goes on from an earlier step, with the same bits.
    case wentBack(from: Int, to: Int)
    /// Something that does not stop the run, but should be known.
    case warning(String)
    /// Something that the user may want to know and that is as it should be: what was chosen, drawn anew, or left out.
    case notice(String)
    /// Ctrl-C or SIGTERM came: the run ends after the steps under way.
    case interrupted
    /// The run directory is complete.
    case finished(RunResult)
}

/// What a run is going to do.
public struct RunSummary: Sendable, Equatable {
    /// The training examples.
    public var examples: Int
    /// The texts that they are windows of, where some are too long for one; nil where each is an example.
    public var texts: Int?
    /// The classes, in the order of the model's outputs.
    public var labels: [String]
    /// The model's parameters.
    public var parameters: Int
    /// The steps of the whole run.
    public var totalSteps: Int
    /// The steps of an epoch.
    public var stepsPerEpoch: Int
    /// The workers it needs.
    public var workers: Int
    /// Where workers connect to.
    public var endpoint: String
    /// The run directory.
    public var output: String
    /// Whether it goes on with a run that has begun before.
    public var isResumed = false
    /// The folder of the coordinator's keys, where workers need some.
    public var keys: String?
    /// Options with which workers would wait less for each other's gradients, each with what it costs.
    public var communicationHints: [String] = []
    /// The examples of the validation set; 0 without one.
    public var validationExamples = 0
    /// The examples of the test set; 0 without one.
    public var testExamples = 0
    /// What the outputs of a classifier of texts mean; nil for another head.
    public var problem: ProblemType? = .singleLabel
}

/// A worker that has joined.
public struct WorkerSummary: Sendable, Equatable {
    /// What messages call it, such as "worker 1 (pid 4711 on cassiopeia)".
    public var name: String
    /// Its host.
    public var host: String
    /// Its process on that host.
    public var pid: Int
    /// Its compute threads.
    public var threads: Int
    /// Its processor.
    public var cpu: String
    /// The widest vector instructions that it has.
    public var instructionSet: String
}

/// One line of `metrics.jsonl` for a step.
public struct StepMetrics: Sendable, Equatable, Codable {
    /// The steps taken, this one included.
    public var step: Int
    /// The epoch, from 1.
    public var epoch: Int
    /// The mean training loss of the step's samples.
    public var loss: Double
    /// The learning rate of this step.
    public var learningRate: Double
    /// The norm of the mean gradient, before clipping.
    public var gradientNorm: Double
    /// The step's samples.
    public var samples: Int
    /// The step's tokens.
    public var tokens: Int
    /// Tokens by the time since the step before was finished.
    public var tokensPerSecond: Double
    /// Seconds since the step before was finished.
    public var stepSeconds: Double
    /// Seconds that the slowest worker computed.
    public var computeSeconds: Double = 0
    /// Seconds that the fastest worker waited for the all-reduce after it had computed: what computing did not hide,
    /// without the waiting for slower workers.
    public var allreduceSeconds: Double = 0
    /// Bytes that the workers sent to each other.
    public var bytesSent: Int = 0
    /// The largest resident memory of a worker, in bytes.
    public var residentBytes: Int = 0
    /// Seconds since the run began.
    public var elapsedSeconds: Double
    /// The phase, from 1, where the run has more than one.
    public var phase: Int?
    /// The steps of the whole run. Not written.
    public var totalSteps: Int = 0

    private enum CodingKeys: String, CodingKey {
        case step, phase, epoch, loss, samples, tokens
        case learningRate = "learning_rate"
        case gradientNorm = "gradient_norm"
        case tokensPerSecond = "tokens_per_second"
        case stepSeconds = "step_seconds"
        case computeSeconds = "compute_seconds"
        case allreduceSeconds = "allreduce_seconds"
        case bytesSent = "bytes_sent"
        case residentBytes = "resident_bytes"
        case elapsedSeconds = "elapsed_seconds"
    }
}

/// Which data set is evaluated.
public enum EvaluationKind: String, Sendable, Codable {
    /// After every epoch.
    case validation
    /// At the end.
    case test
}

/// The outcome of an evaluation.
public struct EvaluationRecord: Sendable, Equatable {
    /// Which data set.
    public var kind: EvaluationKind
    /// The steps taken before.
    public var step: Int
    /// The epochs finished before.
    public var epoch: Int
    /// The metrics.
    public var metrics: MetricReport
    /// How long it took.
    public var seconds: Double
    /// The steps behind the state that was evaluated, where that is not the newest one.
    public var modelStep: Int?
}
