import Foundation
import Training

/// How the state comes back from the workers, and is kept.
extension CoordinatorMachine {
    /// A fetch of state under way, from a worker that has made a copy of it and goes on with its work.
    struct Fetch: Sendable {
        enum Purpose: Sendable, Equatable {
            /// A checkpoint, while the run goes on.
            case periodic
            /// A checkpoint that the run waits for: of the best state so far, or of the last one before the best is
            /// loaded.
            case best
            /// A checkpoint, after which the run ends with this error.
            case ending(RunError)
            /// The last checkpoint, and the final model.
            case final
        }

        var purpose: Purpose
        var peer: PeerID
        /// The steps that the state must have behind it.
        var step: Int
        /// What is still to be asked for, the next one last.
        var waiting: [Item]
        /// What was asked for and has not come.
        var outstanding: Set<Item> = []
        var isCopied = false

        var isComplete: Bool { isCopied && waiting.isEmpty && outstanding.isEmpty }

        struct Item: Hashable, Sendable {
            var part: StatePart
            var chunk: Int
        }
    }

    /// What is being written in the background.
    struct Writing: Sendable {
        var purpose: Fetch.Purpose
        /// The state that it is of.
        var point: RunHistory.Point
    }

    /// What is known of checkpoints.
    struct Checkpoints: Sendable {
        /// The step of the newest one that was asked for.
        var lastStep = 0
        /// When that was.
        var lastAt = 0.0
        /// The newest one that is there, and its step.
        var path: String?
        var pathStep = -1
        /// The newest validation.
        var validation: (step: Int, loss: Double, accuracy: Double)?
        /// The last one could not be written; the model is tried all the same.
        var hasFailedAtEnd = false
        /// Attempts in a row to keep a state that the run waits for, and when to make the next one.
        var failures = 0
        var retryAt: Double?
    }

    /// Chunks asked for at once.
    private static var credit: Int { 8 }

    // MARK: fetching

    /// Has the state before `step` copied, if it is time for a checkpoint: the order for the copy goes out before that
    /// for the step.
    mutating func checkpointIfDue(before step: Int, _ now: Double) {
        guard step > checkpoints.lastStep, fetch == nil else { return }
        let bySteps = settings.checkpointEvery.map { step / $0 > checkpoints.lastStep / $0 } ?? false
        let byTime = settings.checkpointSeconds.map { now - checkpoints.lastAt >= $0 } ?? false
        if bySteps || byTime { startFetch(.periodic, step: step, now) }
    }

    /// Asks the first member for a copy of the state after `step` steps.
    mutating func startFetch(_ purpose: Fetch.Purpose, step: Int, _ now: Double) {
        guard let preparation, let member = members.first else { return }
        let chunks = ChunkMap(floats: preparation.welcome.weightCount).count
        let items = preparation.stateParts.flatMap { part in (0..<chunks).map { Fetch.Item(part: part, chunk: $0) } }
        fetch = Fetch(purpose: purpose, peer: member.peer, step: step, waiting: items.reversed())
        checkpoints.lastStep = step
        checkpoints.lastAt = now
        send(member.peer, .snapshotRequest(preparation.stateParts), step: step)
    }

    mutating func beginFetching() {
        guard var fetch, !fetch.isCopied else { return }
        fetch.isCopied = true
        perform(.beginStore)
        for _ in 0..<Self.credit { request(&fetch) }
        self.fetch = fetch
    }

    private mutating func request(_ fetch: inout Fetch) {
        guard let item = fetch.waiting.popLast() else { return }
        fetch.outstanding.insert(item)
        send(fetch.peer, .stateRequest(item.part, index: item.chunk), step: fetch.step)
    }

    mutating func fetched(
        _ part: StatePart, _ chunk: Int, _ payload: Data, step: UInt64, _ index: Int, _ now: Double
    ) {
        guard var fetch, members[index].peer == fetch.peer, step == UInt64(fetch.step) else {
            // Of a fetch that was given up for another one.
            if step >= UInt64(checkpoints.lastStep) {
                violation(index, "a part of its state that nobody asked for", now)
            }
            return
        }
        guard fetch.outstanding.remove(Fetch.Item(part: part, chunk: chunk)) != nil else {
            violation(index, "a part of its state that nobody asked for", now)
            return
        }
        perform(.storeChunk(part, index: chunk, payload: payload))
        request(&fetch)
        self.fetch = fetch
        saveIfFetched(now)
    }

    /// Has what was fetched written, once it is complete, its step is known to be done, and nothing else is being
    /// written.
    mutating func saveIfFetched(_ now: Double) {
        guard let fetch, fetch.isComplete, writing == nil, progress.completed >= fetch.step, let preparation,
            let point = history?.point(at: fetch.step)
        else { return }
        var metrics = ["epoch_loss": point.epochLoss, "epoch_samples": Double(point.epochSamples)]
        if let validation = checkpoints.validation, validation.step == fetch.step {
            metrics["validation_loss"] = validation.loss
            metrics["validation_accuracy"] = validation.accuracy
        }
        send(fetch.peer, .snapshotRelease)
        self.fetch = nil
        writing = Writing(purpose: fetch.purpose, point: point)
        perform(
            .saveCheckpoint(
                TrainingState(
                    step: fetch.step, epoch: fetch.step / preparation.plan.stepsPerEpoch,
                    schedule: point.schedule.state, metrics: metrics)))
        switch fetch.purpose {
        case .periodic: break
        // The workers go on with it.
        case .best: phase = .fetching
        case .ending, .final: phase = .saving
        }
    }

    // MARK: the end

    mutating func startVerification() {
        phase = .verifying
        broadcast(.digestRequest, step: progress.completed)
    }

    mutating func digestReported(_ digest: String, step: UInt64, _ index: Int, _ now: Double) {
        guard case .verifying = phase, members[index].digest == nil, step == UInt64(finalStep) else {
            if case .verifying = phase { violation(index, "the hash of weights after \(step) steps", now) }
            return
        }
        members[index].digest = digest
        let digests = members.compactMap(\.digest)
        guard digests.count == members.count else { return }
        if let other = digests.firstIndex(where: { $0 != digests[0] }) {
            let counts = Dictionary(digests.map { ($0, 1) }, uniquingKeysWith: +)
            guard let most = counts.first(where: { 2 * $0.value > digests.count })?.key else {
                endKept(
                    .failed(
                        "the replicas differ: the weights of \(members[0].name) have the SHA-256 \(digests[0]), those of "
                            + "\(members[other].name) \(digests[other]); please report this"))
                return
            }
            for member in members where member.digest != most {
                sendAway(member, "the SHA-256 \(member.digest ?? "") of its weights, those of most have \(most)", now)
            }
            return
        }
        if verifiesNext {
            verifiesNext = false
            perform(.emit(.notice("all weights are the same: a report was false, and the run goes on")))
            continueRun(now)
            return
        }
        if finale != nil {
            saveBest(now)
            return
        }
        perform(.emit(.saving))
        phase = .fetching
        startFetch(.final, step: progress.completed, now)
    }

    /// Ends the run with `error` once a checkpoint of the present state is kept.
    mutating func fetchAndEnd(_ error: RunError, _ now: Double) {
        guard progress.completed > 0 else {
            end(.failure(error))
            return
        }
        if progress.completed == checkpoints.pathStep {
            endKept(error)
            return
        }
        perform(.emit(.saving))
        phase = .fetching
        startFetch(.ending(error), step: progress.completed, now)
    }

    /// Ends the run with `error`, with the state kept in the newest checkpoint, if there is one.
    mutating func endKept(_ error: RunError) {
        let path = checkpoints.path
        switch error {
        case .interrupted: end(.failure(.interrupted(checkpoint: path)))
        case .workerLost(let reason), .failed(let reason):
            end(
                .failure(
                    .failed(
                        path.map { "\(reason); the state before that step is kept in \($0)\(RunError.resuming($0))" }
                            ?? reason)))
        }
    }

    mutating func checkpointSaved(path: String, _ now: Double) {
        guard let written = writing else { return }
        writing = nil
        checkpoints.path = path
        checkpoints.pathStep = written.point.step
        if best?.step == written.point.step { best?.isKept = true }
        checkpoints.failures = 0
        perform(.emit(.checkpoint(path)))
        switch written.purpose {
        case .best:
            advanceSource(to: written.point)
            checkpointEnded(now)
            goOnIfKept(now)
        case .periodic:
            advanceSource(to: written.point)
            checkpointEnded(now)
            saveIfFetched(now)
            goOnIfKept(now)
        case .ending(let error): endKept(error)
        case .final:
            writing = written
            perform(.saveModel)
        }
    }

    /// From now on, should all workers be lost, a new checkpoint is where the run goes on from.
    private mutating func advanceSource(to point: RunHistory.Point) {
        guard let history, point.step <= history.end, point.step >= history.base.step else { return }
        self.history?.forget(before: point.step)
        source = StateSource(step: point.step, parts: [], point: point)
        perform(.releaseSource)
    }

    mutating func saveFailed(_ reason: String, _ now: Double) {
        guard let written = writing else { return }
        writing = nil
        switch written.purpose {
        case .best:
            bestFailed(reason, now)
        case .periodic:
            perform(.emit(.warning("no checkpoint could be written, the run goes on: \(reason)")))
            checkpointEnded(now)
            saveIfFetched(now)
            goOnIfKept(now)
        case .ending(.interrupted): end(.failure(.failed("interrupted, and the state could not be kept: \(reason)")))
        case .ending(let error): end(.failure(.failed("\(error), and the state could not be kept: \(reason)")))
        case .final:
            guard case .saving = phase, !checkpoints.hasFailedAtEnd else {
                end(.failure(.failed(reason)))
                return
            }
            checkpoints.hasFailedAtEnd = true
            writing = written
            perform(.emit(.warning("the last checkpoint could not be written: \(reason)")))
            perform(.saveModel)
        }
    }

    mutating func modelSaved(path: String, digest: String, _ now: Double) {
        guard case .saving = phase, writing?.purpose == .final, let preparation else { return }
        let test = test.map {
            RunResult.Test(
                accuracy: $0.metrics.accuracy, macroF1: $0.metrics.macroF1, loss: $0.metrics.loss,
                examples: $0.metrics.examples,
                examplesPerSecond: Double($0.metrics.examples) / max($0.seconds, 1e-9))
        }
        let seconds = max(progress.seconds, 1e-9)
        if let notice = bestNotice(modelPath: path) { perform(.emit(.notice(notice))) }
        var validation: RunResult.Validation?
        if let best {
            validation = RunResult.Validation(step: best.step, accuracy: best.accuracy, loss: best.loss)
        }
        // This may be the end alone of a run that another process has trained.
        let trainLoss = progress.epochLoss.flatMap { $0.isFinite ? $0 : nil }
        let secondsToFirstStep = progress.samples > 0 ? progress.firstStepAt - startedAt : 0
        end(
            .success(
                RunResult(
                    test: test, steps: progress.completed, weightsSHA256: digest, wallSeconds: now - startedAt,
                    tokensPerSecond: Double(progress.tokens) / seconds,
                    examplesPerSecond: Double(progress.samples) / seconds,
                    workers: members.isEmpty ? settings.workers : members.count,
                    secondsToFirstStep: secondsToFirstStep, modelStep: finalStep, bestValidation: validation,
                    trainLoss: trainLoss, modelPath: path, output: preparation.output)))
    }
}
