import Training

/// What became of the steps of a phase of a run: from it follow, at any step since its base, the state of the
/// learning-rate schedule and the loss of the epoch so far. So a run can go back to an earlier step, and forward again,
/// with the same bits.
///
/// A state "at step s" is that after s steps of the run and before what comes there: the evaluation at the end of an
/// epoch, and what the schedule makes of it.
struct RunHistory: Sendable {
    /// The state at a step.
    struct Point: Sendable, Equatable {
        /// Steps done.
        var step: Int
        var schedule: LearningRateSchedule
        /// The summed loss (mean times samples, step by step) and the samples since the epoch began.
        var epochLoss = 0.0
        var epochSamples = 0
    }

    /// Where it begins: nothing before is known.
    private(set) var base: Point
    /// The state at the end; beyond the barrier there, if that was passed.
    private(set) var current: Point
    /// Whether the barrier at the end was passed.
    private(set) var hasPassedBarrier = false
    let stepsPerEpoch: Int
    /// The steps of the phase, numbered through the run.
    let steps: Range<Int>
    /// Whether the schedule listens to the validation set, not to the training loss.
    let hasValidation: Bool
    private var outcomes: [(loss: Double, samples: Int)] = []
    private var validationLosses: [Int: Double] = [:]

    init(base: Point, stepsPerEpoch: Int, steps: Range<Int>, hasValidation: Bool) {
        self.base = base
        current = base
        self.stepsPerEpoch = stepsPerEpoch
        self.steps = steps
        self.hasValidation = hasValidation
    }

    /// The steps that are known.
    var end: Int { base.step + outcomes.count }

    /// The step within the phase.
    func local(_ step: Int) -> Int { max(0, step - steps.lowerBound) }

    /// The number of the epoch, from 0, that `step` steps of the run have finished or begun.
    func epoch(at step: Int) -> Int { local(step) / max(1, stepsPerEpoch) }

    /// The learning rate of a step.
    func rate(at step: Int) -> Double { current.schedule.rate(at: local(step)) }

    /// Whether an epoch, or the phase, ends there.
    func isBarrier(_ step: Int) -> Bool {
        step > steps.lowerBound && (local(step) % stepsPerEpoch == 0 || step == steps.upperBound)
    }

    /// Adds the outcome of the next step: its mean loss and samples.
    mutating func add(loss: Double, samples: Int) {
        passBarrierIfDue()
        outcomes.append((loss, samples))
        Self.advance(&current, loss: loss, samples: samples)
        hasPassedBarrier = false
    }

    /// Whether enough is known to ``add(loss:samples:)``: not where an evaluation is to be done first.
    var canAdd: Bool { canAdd(upTo: end + 1) }

    /// Whether that is so for all steps up to `step`.
    func canAdd(upTo step: Int) -> Bool {
        guard hasValidation else { return true }
        return (end..<max(end, step)).allSatisfy {
            !isBarrier($0) || $0 == end && hasPassedBarrier || validationLosses[$0] != nil
        }
    }

    /// Passes the barrier at the end with what is known: where nothing is evaluated and the schedule does not
    /// depend on it, no stop is made at the end of an epoch; and where steps were taken beyond it, it was passed.
    mutating func passBarrierIfDue() {
        if isBarrier(end), !hasPassedBarrier { passBarrier(validationLoss: validationLosses[end]) }
    }

    /// Takes in the outcome of the evaluation at the end, or the end of an epoch without one.
    mutating func passBarrier(validationLoss: Double?) {
        if let validationLoss { validationLosses[end] = validationLoss }
        pass(&current, loss: validationLoss)
        hasPassedBarrier = true
    }

    private static func advance(_ point: inout Point, loss: Double, samples: Int) {
        point.step += 1
        point.epochLoss += loss * Double(samples)
        point.epochSamples += samples
    }

    private func pass(_ point: inout Point, loss: Double?) {
        let training = point.epochSamples == 0 ? 0 : point.epochLoss / Double(point.epochSamples)
        point.schedule.observe(loss: loss ?? training, completedSteps: local(point.step))
        point.epochLoss = 0
        point.epochSamples = 0
    }

    /// Notes a validation loss that was found in a log; it counts when its step is passed.
    mutating func note(validationLoss: Double, at step: Int) { validationLosses[step] = validationLoss }

    /// The state at `step`; nil where too little is known.
    func point(at step: Int) -> Point? {
        guard step >= base.step, step <= end else { return nil }
        var point = base
        for (i, outcome) in outcomes.prefix(step - base.step).enumerated() {
            if isBarrier(base.step + i), !passed(&point) { return nil }
            Self.advance(&point, loss: outcome.loss, samples: outcome.samples)
        }
        return point
    }

    private func passed(_ point: inout Point) -> Bool {
        let loss = validationLosses[point.step]
        if hasValidation, loss == nil, point.schedule.settings.kind == .plateau { return false }
        pass(&point, loss: hasValidation ? loss : nil)
        return true
    }

    /// Goes back to `step`, and forgets what came after; false, and unchanged, where too little is known.
    mutating func rewind(to step: Int) -> Bool {
        guard let point = point(at: step) else { return false }
        current = point
        hasPassedBarrier = false
        outcomes.removeLast(end - step)
        validationLosses = validationLosses.filter { $0.key < step }
        return true
    }

    /// Forgets what came before `step`.
    mutating func forget(before step: Int) {
        guard let point = point(at: step) else { return }
        outcomes.removeFirst(step - base.step)
        base = point
        validationLosses = validationLosses.filter { $0.key >= step }
    }
}
