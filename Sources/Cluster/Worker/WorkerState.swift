extension WorkerMachine {
    /// What a worker is in.
    enum State: Sendable {
        /// The coordinator has not answered yet.
        case greeting
        /// Accepted by the coordinator: the run's settings, and this worker's place in its generation.
        case welcomed(Welcome, GenerationPhase)
        /// The end: nothing is taken in any more.
        case ended
    }

    /// The place in a generation.
    enum GenerationPhase: Sendable {
        /// None yet.
        case none
        /// The data socket is being bound; the addresses of the others are to come.
        case joining(World)
        /// Connects to the others, and loads the state where it has none for the next step.
        case assembling(World, Assembly)
        /// Carries out orders.
        case ready(World, OrderSequence)
        /// Something failed here, or the coordinator has given the generation up: no orders until the next one. A load
        /// that is under way goes on.
        case failed(World, Assembly?)

        /// The generation and the rank in it.
        var world: World? {
            switch self {
            case .none: nil
            case .joining(let world), .assembling(let world, _), .ready(let world, _), .failed(let world, _): world
            }
        }

        /// What is being connected and loaded.
        var assembly: Assembly? {
            switch self {
            case .assembling(_, let assembly): assembly
            case .failed(_, let assembly): assembly
            case .none, .joining, .ready: nil
            }
        }
    }

    /// A generation, and the rank in it.
    struct World: Sendable, Equatable {
        /// From 1.
        var generation: UInt64
        /// From 0.
        var rank: Int
        /// The number of ranks.
        var size: Int
    }

    /// What must be done before the first order.
    struct Assembly: Sendable, Equatable {
        /// The step that the first order will be for.
        var nextStep: UInt64
        /// The state on its way here; nil if there is none, or all of it has come and was found right.
        var receiver: StateReceiver?
        /// Whether the others are connected.
        var isConnected = false
    }
}

extension Welcome {
    /// Whether `other` is of the same run: what depends on the coordinator's start alone, or on the phase, may differ.
    func isSameRun(as other: Welcome) -> Bool { runID == other.runID && seed == other.seed }

    /// Whether `other`, of the same run, is of the same phase. A phase without steps begins at the same step as the
    /// next.
    func isSamePhase(as other: Welcome) -> Bool {
        firstStep == other.firstStep && modelSpecification == other.modelSpecification
            && hyperparameters == other.hyperparameters
    }
}
