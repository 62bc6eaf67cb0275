import Checkpoint
import Training

/// Which state is the best by validation, and how a run ends with that one where `--keep best` asks for it.
///
/// The state after the last step is kept in a checkpoint first, so that the run can be continued; then all workers load
/// the best checkpoint, whose weights are tested, compared and written as the model. Nothing else of the run goes back.
extension CoordinatorMachine {
    /// A validation, by what it is compared.
    struct Best: Sendable, Equatable {
        var step: Int
        var accuracy: Double
        var loss: Double
        /// Whether a checkpoint of it is there.
        var isKept = false

        /// Whether it is at least as good as another one: by accuracy, then by loss; of equals the later one is the
        /// best, as for the checkpoints that are kept.
        func isAtLeast(_ other: Best) -> Bool {
            guard accuracy.isFinite, loss.isFinite else { return false }
            return (accuracy, -loss) >= (other.accuracy, -other.loss)
        }
    }

    /// The end of a run whose best state is an earlier one.
    struct Finale: Sendable {
        /// The best.
        var best: Best
        /// Its state, as long as it is in memory.
        var source: StateSource?
    }

    /// Takes in a validation.
    mutating func compare(_ record: EvaluationRecord) {
        let found = Best(step: record.step, accuracy: record.metrics.accuracy, loss: record.metrics.loss)
        guard found.accuracy.isFinite, found.loss.isFinite else { return }
        // One that was made again after going back counts once.
        if let best, best.step < found.step, !found.isAtLeast(best) { return }
        if let best, best.step > found.step, best.isAtLeast(found) { return }
        best = found
    }

    /// Whether the run must rest until the state after `completed` steps is kept: it is the best so far, and the run is
    /// to end with the best.
    var mustKeepBest: Bool {
        guard settings.keepsBest, let best else { return false }
        return best.step == progress.completed && !best.isKept && ending == nil
    }

    /// Has the best state kept before anything else is done. Called with everything at rest.
    mutating func keepBest(_ now: Double) {
        phase = .fetching
        // Or it is on its way already.
        guard writing == nil, fetch == nil, checkpoints.retryAt == nil else { return }
        startFetch(.best, step: progress.completed, now)
    }

    /// A state that the run waits for could not be written: it is tried again for a while, as somebody may free some
    /// room.
    mutating func bestFailed(_ reason: String, _ now: Double) {
        checkpoints.failures += 1
        guard checkpoints.failures < 10 else {
            endKept(.failed("a state that --keep best needs could not be kept: \(reason)"))
            return
        }
        perform(.emit(.warning("a state that --keep best needs could not be kept, it is tried again: \(reason)")))
        checkpoints.retryAt = now + 3
        checkpointEnded(now)
    }

    /// It is time for the next attempt, if the run waits for one.
    mutating func retryIfDue(_ now: Double) {
        guard let retryAt = checkpoints.retryAt, now >= retryAt else { return }
        checkpoints.retryAt = nil
        goOnIfKept(now)
    }

    /// Goes on where the run rests for the sake of a checkpoint, and none is on its way any more.
    mutating func goOnIfKept(_ now: Double) {
        if case .fetching = phase, fetch == nil, writing == nil { continueRun(now) }
    }

    /// Whether the run rests only to go on afterwards.
    var restsForBest: Bool {
        switch fetch?.purpose ?? writing?.purpose {
        case .best, .periodic: true
        default: false
        }
    }

    /// Whether the workers are to go to an earlier state for the end of the run.
    var needsFinale: Bool {
        guard settings.keepsBest, let best, finale == nil, let preparation else { return false }
        return best.step < progress.completed && progress.completed == preparation.totalSteps
    }

    /// Keeps the last state, then goes to the best one.
    mutating func beginFinale(_ now: Double) {
        guard let best else { return }
        phase = .fetching
        guard writing == nil, fetch == nil, checkpoints.retryAt == nil else { return }
        guard checkpoints.pathStep == progress.completed else {
            startFetch(.best, step: progress.completed, now)
            return
        }
        finale = Finale(best: best)
        phase = .restoring
        perform(.loadBest(step: best.step))
    }

    /// The best state was read.
    mutating func bestLoaded(_ source: StateSource, _ now: Double) {
        guard case .restoring = phase, finale != nil else { return }
        finale?.source = source
        self.source = source
        formGeneration(now)
    }

    /// Everyone has told where it stands: those that do not have the best state get it.
    mutating func chooseBest(_ finale: Finale, _ now: Double) {
        let isThere = members.contains { $0.applied == finale.best.step }
        if isThere || finale.source?.parts.isEmpty == false {
            connect(at: finale.best.step, now)
        } else {
            phase = .restoring
            perform(.loadBest(step: finale.best.step))
        }
    }

    /// The steps behind the state that the workers hold at the end of the run.
    var finalStep: Int { finale?.best.step ?? progress.completed }

    /// All workers have the same best weights: they are written from the checkpoint, as they were read.
    mutating func saveBest(_ now: Double) {
        guard let point = history?.current else { return }
        phase = .saving
        // There is no other checkpoint to write: a failure is that of the model.
        checkpoints.hasFailedAtEnd = true
        writing = Writing(purpose: .final, point: point)
        perform(.emit(.saving))
        perform(.saveModel)
    }

    private func checkpointPath(_ step: Int) -> String {
        CheckpointFolder(runDirectory: preparation?.output ?? "", step: step).path
    }

    /// What a run with a validation set says at its end.
    func bestNotice(modelPath: String) -> String? {
        guard let best, let last = checkpoints.validation, last.accuracy.isFinite else { return nil }
        func share(_ value: Double) -> String {
            let digits = Int((value * 10_000).rounded())
            let text = String(digits % 10_000)
            return "\(digits / 10_000)." + String(repeating: "0", count: 4 - text.count) + text
        }
        let name = "step \(best.step) (validation accuracy \(share(best.accuracy)))"
        if best.step == progress.completed {
            return "the best by validation is the last state, \(name): \(modelPath) holds it"
        }
        if settings.keepsBest {
            let place = settings.removesCheckpoints ? nil : checkpoints.path
            return "the best by validation is \(name): \(modelPath) holds it"
                + (place.map { "; the last state, step \(progress.completed), is in \($0)" } ?? "")
        }
        let way =
            best.isKept && !settings.removesCheckpoints
            ? "the best is in \(checkpointPath(best.step)), and --keep best writes it as the model"
            : "--keep best writes the best as the model"
        return "the best by validation was \(name); \(modelPath) holds the last, step \(progress.completed) "
            + "(\(share(last.accuracy))): \(way)"
    }
}
