@testable import Modeling

/// A loss of a kind that the program does not have: half the squared distance to the one-hot target. All that a new
/// loss needs is this file and its line in a list.
struct ToyObjective: Objective {
    static let kind = "toy-squares"
    var factor: Double

    func validate(head: any Head) throws(ModelError) {
        guard factor > 0 else { throw .invalidModel("a factor of \(factor)") }
    }

    func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes = targets else { throw .invalidBatch("no labels to learn from") }
    }

    func weight(of targets: Targets) -> Double {
        guard case .classes(let labels) = targets else { return 0 }
        return Double(labels.count)
    }

    func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .classes(let labels) = targets else { return [] }
        return labels.enumerated().map { row, label in
            outputs.row(row).enumerated().reduce(0) { sum, output in
                let error = Double(output.element) - (output.offset == Int(label) ? 1 : 0)
                return sum + factor * error * error / 2
            }
        }
    }

    func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .classes(let labels) = targets else { return 0 }
        var sum = 0.0
        for (row, label) in labels.enumerated() {
            let gradient = outputs.gradientRow(row)
            for (i, output) in outputs.row(row).enumerated() {
                let error = Double(output) - (i == Int(label) ? 1 : 0)
                sum += factor * error * error / 2
                if withGradient { gradient[i] = Float(factor * error) }
            }
        }
        return sum
    }
}
