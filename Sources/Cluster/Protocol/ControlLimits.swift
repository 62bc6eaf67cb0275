import Training

/// What a control message may hold. Everything that arrives is held against these before it is used.
enum ControlLimits {
    /// Floats of a chunk of weights or moments: 1 MiB.
    static let chunkFloats = 1 << 18
    /// Bytes of the raw frame.
    static let payloadBytes = chunkFloats * 4
    /// Bytes of an envelope to the coordinator.
    static let reportBytes = 1 << 20
    /// Bytes of an envelope to a worker: a step's token ids, for the largest batches that make sense.
    static let orderBytes = 16 << 20
    /// Chunks that a worker may ask for at once.
    static let chunkCredit = 16
    /// Floats of the flat vector of weights at most: 32 GiB.
    static let maxWeightCount = 8 << 30
    /// Workers of a run.
    static let maxWorkers = 1024
    /// Steps that a worker remembers the outcome of; more than are ever ordered ahead.
    static let maxRecords = 8
    /// Samples of a step.
    static let maxSamples = 131_072
    /// What a step's gradient is divided by: sequences, tokens or pairs.
    static let maxGradientDivisor = 1e15
    /// Floats of an example's outputs, such as the classes of a model.
    static let maxOutputWidth = 1 << 16
    /// Examples of an evaluation order: what is counted of each, some 30 bytes, fits into an envelope.
    static let maxEvaluationExamples = 1 << 14
    /// Bytes of what is counted in a micro-batch of an evaluation.
    static let metricsText = 1 << 16
    /// Bytes of a name, an endpoint, or a message for people.
    static let shortText = 1024
    /// Bytes of a configuration, which names every label.
    static let longText = 4 << 20
    /// Bytes that encryption adds to a frame, and more.
    static let encryptionBytes = 256
    /// The newest step, so that sums of steps cannot overflow and every step is a whole number in JSON.
    static let maxStep: UInt64 = 1 << 53
    /// The newest generation of a message. Greetings, which come from anyone, count up to half of it.
    static let maxGeneration: UInt64 = 1 << 62
    /// Bytes of memory, or sent in a step.
    static let maxBytes: UInt64 = 1 << 53
    /// Losses and norms, whose sums over any number of steps are finite: sums of float32 are far smaller.
    static let maxMagnitude = LossPiggyback.maxMagnitude
    /// Bytes of the path of a local socket.
    static let socketPath = 107
    /// Compute threads of a worker.
    static let maxThreads = 1024
}
