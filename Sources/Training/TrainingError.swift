/// What is wrong with the settings of a training run.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// The value of `option` (its name on the command line, without dashes) is out of range; `need` says what it must
    /// be, to follow "must be".
    case invalidOption(_ option: String, value: String, need: String)
    /// A saved state does not fit the run that it is loaded into; `reason` says why and what to do.
    case unusableState(_ reason: String)

    /// One line for people.
    public var description: String {
        switch self {
        case .invalidOption(let option, let value, let need): "--\(option) is \(value), but must be \(need)"
        case .unusableState(let reason): reason
        }
    }
}

/// A loss or gradient that is infinite or not a number: training cannot go on from it.
public struct NonFiniteError: Error, Equatable, CustomStringConvertible {
    /// What was not finite.
    public enum Quantity: String, Sendable, Codable {
        /// The loss of a micro-batch.
        case loss
        /// The gradient, of a micro-batch or summed over the step.
        case gradient
    }

    /// What was not finite.
    public var quantity: Quantity
    /// The step, from 0.
    public var step: UInt64
    /// The micro-batch within the step, where it is known.
    public var microBatch: Int?

    /// An error for `quantity` at `step`.
    public init(_ quantity: Quantity, step: UInt64, microBatch: Int? = nil) {
        self.quantity = quantity
        self.step = step
        self.microBatch = microBatch
    }

    /// One line for people.
    public var description: String {
        let place = microBatch.map { "step \(step), micro-batch \($0)" } ?? "step \(step)"
        return "the \(quantity.rawValue) is not finite at \(place); try a lower --learning-rate or a --clip-norm"
    }
}
