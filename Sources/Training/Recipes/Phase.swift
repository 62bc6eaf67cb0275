import Modeling

/// A part of a run in which one head learns by one objective, with an optimizer and a schedule that begin anew.
///
/// A method of training is a list of phases, see `Recipe`. Between two phases the encoder's weights stay; see
/// ``WeightTransition`` for the head.
public struct Phase: Sendable {
    /// How long a phase is.
    public enum Length: Sendable, Codable, Equatable {
        /// Passes over the training examples.
        case epochs(Int)
        /// Steps.
        case steps(Int)
    }

    /// What messages call it.
    public var name: String
    /// What stands on the encoder.
    public var head: any Head
    /// What the head learns by.
    public var objective: any Objective
    /// The adapter that learns in the encoder's place; nil for none.
    public var adapter: LowRankAdapter?
    /// The parameters that learn; the others keep their values through the phase.
    public var trainable: TrainableSet
    /// The optimizer, and what else its steps depend on.
    public var hyperparameters: Hyperparameters
    /// The learning rate, whose steps count from the beginning of the phase.
    public var schedule: ScheduleSettings
    /// How long it is.
    public var length: Length
    /// Examples of a step, over all workers.
    public var batchSize: Int
    /// Micro-batches that a step is cut into.
    public var microBatches: Int
    /// Tokens of a text at most.
    public var maxLength: Int
    /// Whether, before the first step, the outputs of texts are collected, of which the next phase's head is computed.
    public var collectsOutputs = false
    /// What it learns from.
    public var examples = Examples.training
    /// The teacher, by its number from 0, that the phase computes with in place of the run's own model; nil for that.
    public var teacher: Int?

    /// What a phase learns from.
    public enum Examples: Sendable, Codable, Equatable {
        /// The training examples, with a validation after each epoch where there is a set for it.
        case training
        /// The training texts and the descriptions of their classes, to be compared with each other; nothing is
        /// validated.
        case contrasted
        /// The training texts and those without labels, with the outputs of teachers to learn.
        case distilled
    }

    /// A phase of these parts.
    public init(
        name: String, head: any Head, objective: any Objective, adapter: LowRankAdapter? = nil,
        trainable: TrainableSet = .all,
        hyperparameters: Hyperparameters, schedule: ScheduleSettings, length: Length, batchSize: Int, microBatches: Int,
        maxLength: Int
    ) {
        self.name = name
        self.head = head
        self.objective = objective
        self.adapter = adapter
        self.trainable = trainable
        self.hyperparameters = hyperparameters
        self.schedule = schedule
        self.length = length
        self.batchSize = batchSize
        self.microBatches = microBatches
        self.maxLength = maxLength
    }
}

/// As JSON, with head and objective as in `ModelSpecification`.
extension Phase: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, head, objective, adapter, trainable, hyperparameters, schedule, length
        case batchSize = "batch_size"
        case microBatches = "micro_batches"
        case maxLength = "max_length"
        case collectsOutputs = "collects_outputs"
        case examples, teacher
    }

    /// Reads what ``encode(to:)`` writes; the decoder's `ModelRegistry` knows the heads and objectives.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        head = try values.decode(CodedHead.self, forKey: .head).head
        objective = try values.decode(CodedObjective.self, forKey: .objective).objective
        adapter = try values.decodeIfPresent(LowRankAdapter.self, forKey: .adapter)
        trainable = try values.decode(TrainableSet.self, forKey: .trainable)
        hyperparameters = try values.decode(Hyperparameters.self, forKey: .hyperparameters)
        schedule = try values.decode(ScheduleSettings.self, forKey: .schedule)
        length = try values.decode(Length.self, forKey: .length)
        batchSize = try values.decode(Int.self, forKey: .batchSize)
        microBatches = try values.decode(Int.self, forKey: .microBatches)
        maxLength = try values.decode(Int.self, forKey: .maxLength)
        collectsOutputs = try values.decodeIfPresent(Bool.self, forKey: .collectsOutputs) ?? false
        examples = try values.decodeIfPresent(Examples.self, forKey: .examples) ?? .training
        teacher = try values.decodeIfPresent(Int.self, forKey: .teacher)
    }

    /// Writes all of it.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        try values.encode(CodedHead(head), forKey: .head)
        try values.encode(CodedObjective(objective), forKey: .objective)
        try values.encodeIfPresent(adapter, forKey: .adapter)
        try values.encode(trainable, forKey: .trainable)
        try values.encode(hyperparameters, forKey: .hyperparameters)
        try values.encode(schedule, forKey: .schedule)
        try values.encode(length, forKey: .length)
        try values.encode(batchSize, forKey: .batchSize)
        try values.encode(microBatches, forKey: .microBatches)
        try values.encode(maxLength, forKey: .maxLength)
        if collectsOutputs { try values.encode(true, forKey: .collectsOutputs) }
        if examples != .training { try values.encode(examples, forKey: .examples) }
        try values.encodeIfPresent(teacher, forKey: .teacher)
    }
}
