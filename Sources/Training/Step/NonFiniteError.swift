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
