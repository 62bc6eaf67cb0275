/// How long a run will take still, from the speeds measured so far: its steps, and the evaluations to come.
public struct RemainingTime: Sendable {
    /// How many steps the speed is averaged over.
    private static let window = 50
    /// What the forward pass alone takes of a training step, until an evaluation was measured: the backward pass takes
    /// about twice as long.
    private static let forwardShare = 1.0 / 3

    private let totalSteps: Int
    private let stepsPerEpoch: Int
    private let validationExamples: Int
    private let testExamples: Int
    private var newest: [(seconds: Double, samples: Int)] = []
    private var step = 0
    /// The step after which the validation set was evaluated last.
    private var validatedStep = 0
    private var isTested = false
    private var evaluationSecondsPerExample: Double?
    /// The evaluation under way: what is left of it, in examples.
    private var underWay: (kind: EvaluationKind, left: Int)?

    /// Of a run whose validation set, if any, is evaluated after every epoch and at the end, and its test set at the
    /// end.
    ///
    /// - Parameters:
    ///   - totalSteps: The steps of the whole run.
    ///   - stepsPerEpoch: Those of an epoch.
    ///   - validationExamples: The examples of the validation set, 0 without one.
    ///   - testExamples: The same of the test set.
    public init(totalSteps: Int, stepsPerEpoch: Int, validationExamples: Int = 0, testExamples: Int = 0) {
        self.totalSteps = totalSteps
        self.stepsPerEpoch = max(1, stepsPerEpoch)
        self.validationExamples = validationExamples
        self.testExamples = testExamples
    }

    /// A step was taken.
    public mutating func add(_ metrics: StepMetrics) {
        step = metrics.step
        underWay = nil
        guard metrics.stepSeconds.isFinite, metrics.stepSeconds >= 0 else { return }
        newest.append((metrics.stepSeconds, metrics.samples))
        if newest.count > Self.window { newest.removeFirst() }
    }

    /// An evaluation is so far.
    public mutating func evaluating(_ kind: EvaluationKind, done: Int, total: Int) {
        underWay = (kind, max(0, total - done))
    }

    /// An evaluation is done.
    public mutating func add(_ record: EvaluationRecord) {
        underWay = nil
        switch record.kind {
        case .validation: validatedStep = record.step
        case .test: isTested = true
        case .collection: break
        }
        if record.metrics.examples > 0, record.seconds.isFinite, record.seconds > 0 {
            evaluationSecondsPerExample = record.seconds / Double(record.metrics.examples)
        }
    }

    /// Seconds to the end of the last evaluation; nil where nothing was measured yet.
    public var seconds: Double? {
        let examples = evaluationExamples
        let steps = totalSteps - step
        guard let perExample = secondsPerExample, steps <= 0 || !newest.isEmpty else {
            return steps <= 0 && examples == 0 ? 0 : nil
        }
        return Double(max(0, steps)) * secondsPerStep + Double(examples) * perExample
    }

    private var secondsPerStep: Double {
        newest.isEmpty ? 0 : newest.reduce(0) { $0 + $1.seconds } / Double(newest.count)
    }

    private var secondsPerExample: Double? {
        if let evaluationSecondsPerExample { return evaluationSecondsPerExample }
        let samples = newest.reduce(0) { $0 + $1.samples }
        guard samples > 0 else { return nil }
        return Self.forwardShare * newest.reduce(0) { $0 + $1.seconds } / Double(samples)
    }

    /// The examples that are to be evaluated still, over all evaluations to come.
    private var evaluationExamples: Int {
        var validations = 0
        if validationExamples > 0, step < totalSteps {
            // One at the end of each epoch, and one at the end, within an epoch or not.
            validations = 1 + (totalSteps - 1) / stepsPerEpoch - step / stepsPerEpoch
        }
        let atBarrier = step > 0 && (step % stepsPerEpoch == 0 || step == totalSteps)
        if validationExamples > 0, atBarrier, validatedStep < step { validations += 1 }
        var tests = testExamples > 0 && !isTested ? 1 : 0
        var left = 0
        if let underWay {
            left = underWay.left
            switch underWay.kind {
            case .validation: validations -= 1
            case .test: tests -= 1
            case .collection: break
            }
        }
        let (examples, overflow) = max(0, validations).multipliedReportingOverflow(by: validationExamples)
        return overflow ? Int.max / 2 : examples + max(0, tests) * testExamples + left
    }
}
