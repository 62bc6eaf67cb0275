/// The squared error of each output: `torch.nn.MSELoss`.
public struct MeanSquaredError: ValueObjective {
    /// See ``Objective``.
    public static let kind = "mean-squared-error"

    /// It has no settings.
    public init() {}

    /// The square of the difference, and twice the difference.
    static func loss(_ output: Double, target: Double) -> (value: Double, derivative: Double) {
        let error = output - target
        return (error * error, 2 * error)
    }
}
