/// An objective of numbers, each of which has a loss of its own: the mean is over texts and numbers.
protocol ValueObjective: Objective {
    /// The loss of an output, in double precision, and its derivative by the output.
    static func loss(_ output: Double, target: Double) -> (value: Double, derivative: Double)
}

extension ValueObjective {
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

    /// The sum over texts and numbers: `values` of the targets and the outputs are (S, width), row-major.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .values(let values, _) = targets else { return 0 }
        var sum = 0.0
        for place in values.indices {
            let loss = Self.loss(Double(outputs.values[place]), target: Double(values[place]))
            sum += loss.value
            if withGradient { outputs.gradient[place] = Float(loss.derivative) }
        }
        return sum
    }

    /// The mean over the numbers of each text, so that the mean over texts is that of PyTorch.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .values(let values, let width) = targets else { return [] }
        return (0..<(values.count / width)).map { row in
            let found = outputs.row(row)
            guard found.allSatisfy(\.isFinite) else { return .nan }
            var sum = 0.0
            for column in 0..<width {
                sum += Self.loss(Double(found[column]), target: Double(values[row * width + column])).value
            }
            return sum / Double(width)
        }
    }
}
