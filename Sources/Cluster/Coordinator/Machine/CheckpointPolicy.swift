import Checkpoint
import Foundation
import Modeling
import Training

/// When the state is kept, which state is the best by validation, and what a run that ends early keeps.
///
/// With `--keep best`, the state after the last step is kept in a checkpoint first, so that the run can be continued;
/// then all workers load the best checkpoint, whose weights are tested, compared and written as the model.
struct CheckpointPolicy: Sendable {
    /// What is being written in the background.
    struct Writing: Sendable {
        var purpose: FetchPurpose
        /// The state that it is of.
        var point: RunHistory.Point
    }

    /// The end of a run whose best state is an earlier one.
    struct BestRestore: Sendable {
        /// The best.
        var best: BestState
        /// Its state, as long as it is in memory.
        var source: StateSource?
    }

    /// What follows from an attempt to write something that failed.
    enum Failure: Sendable {
        /// The run goes on, or tries again in a while.
        case goOn
        /// The model is written all the same.
        case saveModel
        case end(RunError)
    }

    /// Attempts in a row to keep a state that the run waits for.
    private static let maxAttempts = 10
    /// Between two of them.
    private static let retrySeconds = 3.0

    private let settings: CoordinatorSettings
    /// The newest state that was asked for: its step, and when that was.
    private var newest: (step: Int, at: Double)
    /// The newest checkpoint that is there, and its step.
    private(set) var path: String?
    private var pathStep = -1
    /// The newest validation.
    private var validation: BestState?
    /// No checkpoint is left to write: the next failure to write is one of the model.
    private var isOnlyModelLeft = false
    /// Attempts in a row that failed, and when to make the next one.
    private var retry: (failures: Int, at: Double?) = (0, nil)
    private(set) var writing: Writing?
    /// The best validation so far.
    private(set) var best: BestState?
    private(set) var bestRestore: BestRestore?
    /// The run shall end with this, once the state is kept.
    private(set) var ending: RunError?

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        newest = (0, settings.startedAt)
    }

    /// The data is known: what the run begins with.
    ///
    /// - Parameter validation: That of the checkpoint.
    mutating func begin(step: Int, path: String?, best: BestState?, validation: BestState?) {
        newest.step = step
        (self.best, self.validation) = (best, validation)
        if let path { (self.path, pathStep) = (path, step) }
    }

    /// Another phase begins: validations of one before do not compare with its own.
    mutating func beginPhase(step: Int) {
        newest.step = step
        (best, validation, bestRestore) = (nil, nil, nil)
    }

    /// The first step begins.
    mutating func beginFirstStep(_ now: Double) { newest.at = now }

    // MARK: when

    /// Whether it is time for a checkpoint of the state before `step`.
    func isDue(before step: Int, _ now: Double) -> Bool {
        guard step > newest.step else { return false }
        let bySteps = settings.checkpointEvery.map { step / $0 > newest.step / $0 } ?? false
        let byTime = settings.checkpointSeconds.map { now - newest.at >= $0 } ?? false
        return bySteps || byTime
    }

    /// A state was asked for.
    mutating func requested(step: Int, _ now: Double) { newest = (step, now) }

    /// Whether a checkpoint of the state after so many steps is there.
    func isKept(step: Int) -> Bool { step == pathStep }

    /// The newest checkpoint cannot be read after all.
    mutating func forgetNewest() { (path, pathStep) = (nil, -1) }

    /// Whether the state is being written, or it must be waited for until it can be tried again.
    var isBusy: Bool { writing != nil || retry.at != nil }

    /// It is time for the next attempt to write a state that the run waits for.
    mutating func isRetryDue(_ now: Double) -> Bool {
        guard let at = retry.at, now >= at else { return false }
        retry.at = nil
        return true
    }

    /// Whether the ends of epochs are kept, with their validations.
    var keepsEpochs: Bool { settings.keepsCheckpoints }

    // MARK: the best

    /// Takes in a validation.
    mutating func validated(_ record: EvaluationRecord) {
        let found = BestState(
            step: record.step, primary: record.metrics.primary, loss: record.metrics.loss,
            threshold: record.metrics.threshold)
        validation = found
        guard found.isUsable else { return }
        // One that was made again after going back counts once.
        if let best, best.step < found.step, !found.isAtLeast(best) { return }
        if let best, best.step > found.step, best.isAtLeast(found) { return }
        best = found
    }

    /// The run goes back to `step`: a better state may come again, on the way that is taken again.
    mutating func rewind(to step: Int) {
        if let best, best.step > step { self.best = nil }
    }

    /// Whether the run must rest until the state after `completed` steps is kept: it is the best so far, and the run is
    /// to end with the best.
    func mustKeepBest(at completed: Int) -> Bool {
        guard settings.keepsBest, let best else { return false }
        return best.step == completed && !best.isKept && ending == nil
    }

    /// Whether the workers are to go to an earlier state for the end of a run that has `completed` all its steps.
    func needsFinale(at completed: Int) -> Bool {
        guard settings.keepsBest, let best, bestRestore == nil else { return false }
        return best.step < completed
    }

    /// The workers shall go to the best state, of this step.
    mutating func beginFinale() -> Int? {
        guard let best else { return nil }
        bestRestore = BestRestore(best: best)
        return best.step
    }

    mutating func bestLoaded(_ source: StateSource) { bestRestore?.source = source }

    /// The state that becomes the model, and is tested.
    ///
    /// - Returns: Its step, if it is not the newest; and the probability from which on it takes an example as having a
    ///   label, as its validation has chosen it, or the newest one; nil where none has.
    var tested: (step: Int?, threshold: Double?) {
        (bestRestore?.best.step, (bestRestore?.best ?? validation)?.threshold)
    }

    /// The workers have the best state: it need not be kept here.
    mutating func releaseBest() { bestRestore?.source?.parts = [] }

    // MARK: writing

    /// A state was fetched and is written now.
    ///
    /// - Parameters:
    ///   - phase: The phase that it is a state of, from 0.
    ///   - history: That of the phase.
    mutating func write(
        _ purpose: FetchPurpose, _ point: RunHistory.Point, phase: Int, _ history: RunHistory,
        _ transition: inout Transition
    ) {
        var metrics = ["epoch_loss": point.epochLoss, "epoch_samples": Double(point.epochSamples)]
        if let validation, validation.step == point.step {
            metrics[CheckpointRanking.lossKey] = validation.loss
            metrics[CheckpointRanking(validation.primary.kind).key] = validation.primary.value
            metrics[BestState.thresholdKey] = validation.threshold
        }
        writing = Writing(purpose: purpose, point: point)
        transition.perform(
            .saveCheckpoint(
                TrainingState(
                    step: point.step, phase: phase, appliedSteps: history.local(point.step),
                    epoch: history.epoch(at: point.step), schedule: point.schedule.state, metrics: metrics)))
    }

    /// The model alone is written, from the best checkpoint as it was read.
    mutating func writeBestModel(_ point: RunHistory.Point, _ transition: inout Transition) {
        isOnlyModelLeft = true
        writing = Writing(purpose: .final, point: point)
        transition.perform(.saveModel)
    }

    /// A checkpoint is written; what it was for. The model comes after the last one.
    mutating func saved(path: String, _ transition: inout Transition) -> Writing? {
        guard let written = writing else { return nil }
        self.path = path
        pathStep = written.point.step
        if best?.step == written.point.step { best?.isKept = true }
        retry.failures = 0
        transition.emit(.checkpoint(path))
        if written.purpose == .final { transition.perform(.saveModel) } else { writing = nil }
        return written
    }

    /// What was being written could not be.
    ///
    /// - Parameter isSaving: Whether the run is at its end.
    mutating func failed(_ reason: String, isSaving: Bool, _ transition: inout Transition) -> Failure? {
        guard let written = writing else { return nil }
        writing = nil
        switch written.purpose {
        case .best, .phaseEnd:
            let what = written.purpose == .best ? "a state that --keep best needs" : "the state at the end of a phase"
            retry.failures += 1
            guard retry.failures < Self.maxAttempts else {
                return .end(kept(.failed("\(what) could not be kept: \(reason)")))
            }
            // There may be more room on the disk in a while.
            transition.warn("\(what) could not be kept, it is tried again: \(reason)")
            retry.at = transition.now + Self.retrySeconds
            return .goOn
        case .periodic:
            transition.warn("no checkpoint could be written, the run goes on: \(reason)")
            return .goOn
        case .ending(.interrupted): return .end(.failed("interrupted, and the state could not be kept: \(reason)"))
        case .ending(let error): return .end(.failed("\(error), and the state could not be kept: \(reason)"))
        case .final:
            guard isSaving, !isOnlyModelLeft else { return .end(.failed(reason)) }
            isOnlyModelLeft = true
            writing = written
            transition.warn("the last checkpoint could not be written: \(reason)")
            return .saveModel
        }
    }

    // MARK: the end

    /// The run shall end with this, once the state is kept.
    mutating func end(with error: RunError) { ending = error }

    var isInterrupted: Bool { if case .interrupted = ending { true } else { false } }

    /// An error that ends the run, with the state that is kept in the newest checkpoint, if there is one.
    func kept(_ error: RunError) -> RunError {
        switch error {
        case .interrupted: .interrupted(checkpoint: path)
        case .interruptedComparison: error
        case .workerLost(let reason), .noCoordinator(let reason), .failed(let reason):
            .failed(
                path.map { "\(reason); the state before that step is kept in \($0)\(RunError.resuming($0))" } ?? reason)
        }
    }

    /// What a run with a validation set says at its end.
    ///
    /// - Parameters:
    ///   - completed: The steps of the run.
    ///   - output: The run directory.
    func bestNotice(modelPath: String, completed: Int, output: String) -> String? {
        guard let best, let last = validation, last.primary.value.isFinite else { return nil }
        func text(_ metric: Metric) -> String {
            let value = metric.value
            guard (0..<1e6).contains(value) else { return String(format: "%.4f", value) }
            let digits = Int((value * 10_000).rounded())
            let text = String(digits % 10_000)
            return "\(digits / 10_000)." + String(repeating: "0", count: 4 - text.count) + text
        }
        let name = "step \(best.step) (validation \(best.primary.kind.title) \(text(best.primary)))"
        if best.step == completed {
            return "the best by validation is the last state, \(name): \(modelPath) holds it"
        }
        if settings.keepsBest {
            let place = settings.removesCheckpoints ? nil : path
            return "the best by validation is \(name): \(modelPath) holds it"
                + (place.map { "; the last state, step \(completed), is in \($0)" } ?? "")
        }
        let way =
            best.isKept && !settings.removesCheckpoints
            ? "the best is in \(CheckpointFolder(runDirectory: output, step: best.step).path), and --keep best writes it "
                + "as the model"
            : "--keep best writes the best as the model"
        return "the best by validation was \(name); \(modelPath) holds the last, step \(completed) "
            + "(\(text(last.primary))): \(way)"
    }
}
