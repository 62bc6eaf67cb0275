/// One value of a ``RunStatus``, for scripts. The names are those of the JSON where it has them.
public enum StatusField: String, Sendable, CaseIterable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case phase, step, epoch, loss, generation, checkpoint, endpoint, host, pid
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case totalSteps = "total_steps", totalEpochs = "total_epochs", learningRate = "learning_rate"
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case secondsLeft = "seconds_left", tokensPerSecond = "tokens_per_second", elapsedSeconds = "elapsed_seconds"
    /// The phase of the recipe, from 1, where the run has more than one, and how many those are.
    case trainingPhase = "training_phase", trainingPhases = "training_phases"
    /// The model's parameters, and those of them that are trained.
    case parameters, trainedParameters = "trained_parameters"
    /// `true` or `false`: whether the coordinator is running; empty where another machine's cannot be asked.
    case alive
    /// The port of the endpoint.
    case port
    /// The number of workers that have not ended.
    case workers
    /// Their hosts, one per line.
    case workerHosts = "worker_hosts"

    /// The value as text; empty where it is not known (yet).
    ///
    /// - Parameters:
    ///   - status: Where it is from.
    ///   - isAlive: Whether the coordinator is running; nil where that is not known.
    public func text(of status: RunStatus, isAlive: Bool?) -> String {
        let current = status.workers.filter { $0.state != "ended" }
        return switch self {
        case .phase: status.phase
        case .step: "\(status.step)"
        case .epoch: Self.text(status.epoch)
        case .loss: Self.text(status.loss)
        case .generation: "\(status.generation)"
        case .checkpoint: status.checkpoint ?? ""
        case .endpoint: status.endpoint
        case .host: status.host
        case .pid: "\(status.pid)"
        case .totalSteps: "\(status.totalSteps)"
        case .totalEpochs: Self.text(status.totalEpochs)
        case .trainingPhase: Self.text(status.trainingPhase)
        case .trainingPhases: Self.text(status.trainingPhases)
        case .parameters: Self.text(status.parameters)
        case .trainedParameters: Self.text(status.trainedParameters)
        case .learningRate: Self.text(status.learningRate)
        case .secondsLeft: Self.text(status.secondsLeft)
        case .tokensPerSecond: Self.text(status.tokensPerSecond)
        case .elapsedSeconds: "\(status.elapsedSeconds)"
        case .alive: Self.text(isAlive)
        case .port: Self.text(PortFile.port(of: status.endpoint))
        case .workers: "\(current.count)"
        case .workerHosts: current.map(\.host).joined(separator: "\n")
        }
    }

    private static func text(_ value: (some CustomStringConvertible)?) -> String { value?.description ?? "" }
}
