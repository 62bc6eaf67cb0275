/// Squared errors in double precision: `torch.nn.MSELoss`, whose mean is over texts and numbers.
public struct MeanSquaredError: Objective {
    /// See ``Objective``.
    public static let kind = "mean-squared-error"

    /// It has no settings.
    public init() {}

    /// Every head will do.
    public func validate(head: any Head) throws(ModelError) {}

    /// Numbers to learn from.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .values = targets else { throw .invalidBatch("no numbers to learn from") }
    }

    /// Texts times numbers.
    public func weight(of targets: Targets) -> Double {
        guard case .values(let values, _) = targets else { return 0 }
        return Double(values.count)
    }

    /// The sum over texts and numbers.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .values(let values, let width) = targets else { return 0 }
        var sum = 0.0
        for row in 0..<(values.count / width) {
            let found = outputs.row(row)
            let gradient = outputs.gradientRow(row)
            for column in 0..<width {
                let error = Double(found[column]) - Double(values[row * width + column])
                sum += error * error
                if withGradient { gradient[column] = Float(2 * error) }
            }
        }
        return sum
    }

    /// The mean over the numbers of each text.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .values(let values, let width) = targets else { return [] }
        return (0..<(values.count / width)).map { row in
            let found = outputs.row(row)
            var sum = 0.0
            for column in 0..<width {
                let error = Double(found[column]) - Double(values[row * width + column])
                sum += error * error
            }
            return sum / Double(width)
        }
    }
}
