import Cluster
import Foundation

/// Notices that training goes wrong: the loss rises far above where it began, and above that of guessing. Says so once.
struct DivergenceWatch {
    /// The median of so many of the newest steps counts (a single step may jump), ...
    static let leastSteps = 3
    /// ... and of so many examples: losses of single examples jump about.
    static let leastSamples = 64
    /// So many times the loss of the beginning, or of guessing, is far above it.
    static let factor = 2.0

    /// The loss of guessing among the classes, ln(classes); nil where there are none to guess among.
    private let guessing: Double?
    private var first: Double?
    private var newest: [(loss: Double, samples: Int)] = []
    private var hasWarned = false

    /// A watch over the training of a classifier of so many classes, or of another model.
    init(classes: Int?) { guessing = classes.map { log(Double(max($0, 2))) } }

    /// Takes in a step; the line of a warning, when it is time for it.
    mutating func add(_ step: StepMetrics) -> String? {
        guard !hasWarned, step.loss.isFinite, step.samples > 0 else { return nil }
        guard let first else {
            first = step.loss
            return nil
        }
        newest.append((step.loss, step.samples))
        while newest.count > Self.leastSteps, newest.dropFirst().reduce(0, { $0 + $1.samples }) >= Self.leastSamples {
            newest.removeFirst()
        }
        let samples = newest.reduce(0) { $0 + $1.samples }
        guard newest.count >= Self.leastSteps, samples >= Self.leastSamples else { return nil }
        let median = newest.map(\.loss).sorted()[newest.count / 2]
        guard median > Self.factor * max(first, guessing ?? 0) else { return nil }
        hasWarned = true
        let comparison = guessing.map { " (guessing has \(Format.loss($0)))" } ?? ""
        return
            "the training loss has risen to \(Format.loss(median)), from \(Format.loss(first)) at the beginning"
            + "\(comparison): the learning rate, \(Format.scientific(step.learningRate)) now, is probably too "
            + "high; try a lower --learning-rate"
    }
}
