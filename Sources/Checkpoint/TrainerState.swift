import Support

/// trainer_state.json: what a run must know, besides weights and moments, to go on with the same bits.
///
/// Where the data plan stands, and what dropout draws, follow from seed and step alone.
public struct TrainerState: Sendable, Codable, Equatable {
    /// The file's name in a checkpoint.
    public static let fileName = "trainer_state.json"

    /// The version of the format: 1.
    public var version = 1
    /// Steps that are done; the next one has this number, counted from 0.
    public var step: Int
    /// The phase of the run that it is a state of, counted from 0; absent for 0. A state at the end of a phase is that
    /// phase's.
    public var phase: Int?
    /// The epoch of the next step, counted from 0 in its phase.
    public var epoch: Int
    /// The seed of data plan, dropout and new weights.
    public var seed: UInt64
    /// Optimizer steps that are in the moments, those of the phase: the t of Adam's bias correction.
    public var appliedSteps: UInt64
    /// Of how many last steps the model's weights are the mean; absent where they are those after the last step.
    public var averagedSteps: Int?
    /// The learning-rate schedule's own state by name, such as `plateau.best`; exact, infinities too.
    public var schedule: [String: Double]
    /// Figures of the newest evaluation by name, for choosing the best checkpoint.
    public var metrics: [String: Double]
    /// SHA-256 of the weights: see `weightsSHA256`. `CheckpointFolder.write` fills it in.
    public var weightsSHA256: String
    /// What else the caller wants to find again, such as the hash of the training data.
    public var notes: [String: String]

    /// A state.
    public init(
        step: Int, phase: Int? = nil, epoch: Int, seed: UInt64, appliedSteps: UInt64 = 0,
        averagedSteps: Int? = nil, schedule: [String: Double] = [:],
        metrics: [String: Double] = [:], weightsSHA256: String = "", notes: [String: String] = [:]
    ) {
        self.step = step
        self.phase = phase
        self.epoch = epoch
        self.seed = seed
        self.appliedSteps = appliedSteps
        self.averagedSteps = averagedSteps
        self.schedule = schedule
        self.metrics = metrics
        self.weightsSHA256 = weightsSHA256
        self.notes = notes
    }

    /// What is wrong with a state that was read from a file; nil if all its values can be used.
    var problem: String? {
        let most = 1_000_000_000
        func number(_ key: String, _ value: some BinaryInteger) -> String? {
            value < 0 || value > most ? "\"\(key)\" is \(value), but must be 0 to \(most)" : nil
        }
        if let problem = number("step", step) ?? number("epoch", epoch) ?? number("appliedSteps", appliedSteps)
            ?? number("phase", phase ?? 0) ?? number("averagedSteps", averagedSteps ?? 0)
        {
            return problem
        }
        for (key, value) in schedule.sorted(by: { $0.key < $1.key }) where value.isNaN {
            return "\"schedule.\(key.printable(limit: 40))\" is not a number"
        }
        if let loss = metrics["epoch_loss"], !(loss.magnitude <= 1e300) {
            return "\"metrics.epoch_loss\" is \(loss), but must be a finite number"
        }
        if let samples = metrics["epoch_samples"], Int(exactly: samples).map({ (0...1 << 50).contains($0) }) != true {
            return "\"metrics.epoch_samples\" is \(samples), but must be a whole number of at least 0"
        }
        return nil
    }
}
