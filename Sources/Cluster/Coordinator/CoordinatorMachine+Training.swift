import Collections
import Numerics
import Training
import Transformer

extension CoordinatorMachine {
    /// How far training is.
    struct Progress: Sendable {
        /// Steps ordered.
        var issued = 0
        /// Steps that all workers took.
        var completed = 0
        /// The steps ordered and not completed.
        var flights: Deque<Flight> = []
        /// How the newest step was dealt to the generation's ranks.
        var partition: [Range<Int>] = []
        /// An evaluation that was interrupted.
        var evaluation: EvaluationJob?
        var tokens = 0
        var samples = 0
        /// Seconds spent on steps.
        var seconds = 0.0
        /// When the last step was completed, or training was begun or taken up again.
        var lastStepAt = 0.0
        var firstStepAt = 0.0
        /// The newest step's metrics.
        var last: StepMetrics?
        /// The mean training loss of the last epoch that ended.
        var epochLoss: Double?
    }

    /// A step under way.
    struct Flight: Sendable {
        var step: Int
        var epoch: Int
        var learningRate: Double
        var partition: [Range<Int>]
        var samples: Int
        var tokens: Int
        /// By rank.
        var reports: [StepReport?]
    }

    /// Goes on with whatever is next after `progress.completed` steps, with everybody ready.
    mutating func continueRun(_ now: Double) {
        guard let preparation, let history else { return }
        if let ending {
            fetchAndEnd(ending, now)
            return
        }
        if verifiesNext {
            startVerification()
            return
        }
        if wantsGeneration, progress.completed < preparation.totalSteps {
            formGeneration(now)
            return
        }
        if let job = progress.evaluation {
            progress.evaluation = nil
            resumeEvaluation(job, now)
            return
        }
        if mustKeepBest {
            keepBest(now)
            return
        }
        if needsFinale, history.hasPassedBarrier {
            beginFinale(now)
            return
        }
        let atBarrier = progress.completed > 0 && progress.completed == stoppingPoint(preparation)
        if atBarrier, !history.hasPassedBarrier {
            reachedBarrier(preparation, now)
        } else if progress.completed < preparation.totalSteps {
            phase = .training
            progress.lastStepAt = now
            issueSteps(now)
        } else if let source = preparation.test, test == nil {
            startEvaluation(.test, source, now)
        } else {
            startVerification()
        }
    }

    /// Whether everything comes to rest at the end of an epoch: something is evaluated there, or decides on the
    /// learning rate.
    private func stopsAtEpochs(_ preparation: RunPlan) -> Bool {
        preparation.validation != nil || preparation.history.current.schedule.settings.kind == .plateau
    }

    /// The step before which everything must come to rest.
    private func barrier(_ preparation: RunPlan) -> Int {
        guard stopsAtEpochs(preparation) else { return preparation.totalSteps }
        let perEpoch = preparation.plan.stepsPerEpoch
        return min(preparation.totalSteps, (progress.completed / perEpoch + 1) * perEpoch)
    }

    /// Orders steps up to the lookahead; where everything has come to rest, goes on with what comes there.
    private mutating func issueSteps(_ now: Double) {
        guard let preparation, let schedule = history?.current.schedule else { return }
        let end = barrier(preparation)
        while ending == nil, !wantsGeneration, !verifiesNext, progress.issued < end,
            progress.issued - progress.completed < settings.lookahead
        {
            checkpointIfDue(before: progress.issued, now)
            issue(progress.issued, preparation, learningRate: schedule.rate(at: progress.issued))
            progress.issued += 1
        }
        if progress.flights.isEmpty, ending != nil || wantsGeneration || verifiesNext { continueRun(now) }
    }

    private mutating func issue(_ step: Int, _ preparation: RunPlan, learningRate: Double) {
        let source = preparation.training
        let plan = preparation.plan.step(step) { source.text($0).tokenIDs.count }
        let batches = plan.microBatches.map { source.pack($0, labels: true) }
        let partition = balancer.partition(leaves: batches.count)
        progress.partition = partition
        let rows = Set(batches.flatMap(\.tokenIDs)).sorted()
        for member in members {
            let order = StepOrder(
                learningRate: learningRate, microBatchCount: batches.count, partition: partition,
                sampleCount: plan.sampleCount, embeddingRows: rows, batches: Array(batches[partition[member.rank]]))
            send(member.peer, .step(order), step: step)
        }
        progress.flights.append(
            Flight(
                step: step, epoch: plan.epoch, learningRate: learningRate, partition: partition,
                samples: plan.sampleCount, tokens: batches.reduce(0) { $0 + $1.tokenCount },
                reports: [StepReport?](repeating: nil, count: members.count)))
    }

    mutating func stepReported(_ report: StepReport, step: UInt64, _ index: Int, _ now: Double) {
        switch phase {
        case .training: break
        case .failing, .fetching, .saving, .gathering:
            // From before a failure; the step counts once the worker tells that it has applied it.
            return
        default:
            violation(index, "a step's report although no step was under way", now)
            return
        }
        let rank = members[index].rank
        guard let at = progress.flights.firstIndex(where: { UInt64($0.step) == step }) else {
            violation(index, "a report of step \(step + 1), which is not under way", now)
            return
        }
        guard progress.flights[at].reports[rank] == nil,
            report.lossSums.count == progress.flights[at].partition.last?.upperBound
        else {
            violation(index, "a report of step \(step + 1) that does not fit its order", now)
            return
        }
        progress.flights[at].reports[rank] = report
        members[index].residentBytes = report.residentBytes
        members[index].applied = Int(step) + 1
        while case .training = phase, let first = progress.flights.first {
            let reports = first.reports.compactMap { $0 }
            guard reports.count == members.count else { break }
            progress.flights.removeFirst()
            complete(first, reports, now)
        }
        settleDoubt(now)
        sendOutliersAway(now)
    }

    private mutating func complete(_ flight: Flight, _ reports: [StepReport], _ now: Double) {
        guard let preparation else { return }
        let agreed = Self.majority(of: reports)
        if agreed == nil, cannotAgree(flight, reports) { return }
        let report = agreed?.report ?? reports[0]
        for at in agreed?.outliers ?? [] {
            outliers.append(
                (
                    members[at].peer,
                    "a gradient norm of \(reports[at].gradientNorm) at step \(flight.step + 1) or losses that differ "
                        + "from those of most workers (norm \(report.gradientNorm))"
                ))
        }
        let norm = report.gradientNorm
        idleGenerations = 0
        strikes.removeAll()
        progress.samples += flight.samples
        progress.tokens += flight.tokens
        let seconds = max(now - progress.lastStepAt, 1e-9)
        progress.seconds += seconds
        pace.add(seconds)
        progress.lastStepAt = now
        var metrics = StepMetrics(
            step: flight.step + 1, epoch: flight.epoch + 1,
            loss: report.lossSums.reduce(0, +) / Double(flight.samples), learningRate: flight.learningRate,
            gradientNorm: norm, samples: flight.samples, tokens: flight.tokens,
            tokensPerSecond: Double(flight.tokens) / seconds, stepSeconds: seconds, elapsedSeconds: now - startedAt)
        metrics.computeSeconds = reports.reduce(0) { max($0, $1.computeSeconds) }
        metrics.allreduceSeconds = reports.reduce(.infinity) { min($0, $1.allreduceSeconds) }
        metrics.bytesSent = reports.reduce(0) { $0 + Int(clamping: $1.bytesSent) }
        metrics.residentBytes = reports.reduce(0) { max($0, Int(clamping: $1.residentBytes)) }
        completed(metrics, preparation)
        balancer.measured(leaves: flight.partition.map(\.count), seconds: reports.map(\.computeSeconds))
        saveIfFetched(now)
        if progress.flights.isEmpty, ending == nil, progress.completed == stoppingPoint(preparation) {
            continueRun(now)
        } else {
            issueSteps(now)
        }
    }

    /// A step is done, and known to be.
    private mutating func completed(_ metrics: StepMetrics, _ preparation: RunPlan) {
        var metrics = metrics
        metrics.totalSteps = preparation.totalSteps
        progress.completed = metrics.step
        progress.last = metrics
        remaining?.add(metrics)
        history?.add(loss: metrics.loss, samples: metrics.samples)
        perform(.emit(.step(metrics)))
    }

    /// A step was taken whose reports were lost: what it gave is told from the record of a worker.
    mutating func recover(_ record: StepRecord, _ preparation: RunPlan, _ now: Double) {
        history?.passBarrierIfDue()
        guard let history else { return }
        let step = Int(clamping: record.step)
        let source = preparation.training
        let plan = preparation.plan.step(step) { source.text($0).tokenIDs.count }
        var tokens = 0
        for sample in plan.microBatches.joined() { tokens += source.text(sample).tokenIDs.count }
        let lossSum: Double = record.lossSums.reduce(0, +)
        let loss = lossSum / Double(plan.sampleCount)
        let seconds = max(now - progress.lastStepAt, 1e-9)
        let metrics = StepMetrics(
            step: step + 1, epoch: plan.epoch + 1, loss: loss,
            learningRate: history.current.schedule.rate(at: step), gradientNorm: record.gradientNorm,
            samples: plan.sampleCount, tokens: tokens, tokensPerSecond: Double(tokens) / seconds, stepSeconds: seconds,
            elapsedSeconds: now - startedAt)
        completed(metrics, preparation)
    }

    /// The barrier that `completed` stands at, if it does.
    private func stoppingPoint(_ preparation: RunPlan) -> Int {
        guard progress.completed < preparation.totalSteps else { return preparation.totalSteps }
        guard stopsAtEpochs(preparation) else { return preparation.totalSteps }
        return progress.completed % preparation.plan.stepsPerEpoch == 0 ? progress.completed : -1
    }

    private mutating func reachedBarrier(_ preparation: RunPlan, _ now: Double) {
        if let validation = preparation.validation {
            startEvaluation(.validation, validation, now)
        } else {
            passBarrier(nil, now)
        }
    }

    /// Goes on after an epoch (or the last step), whose loss decides on the learning rate.
    mutating func passBarrier(_ record: EvaluationRecord?, _ now: Double) {
        if let record {
            checkpoints.validation = (record.step, record.metrics.loss, record.metrics.accuracy)
            compare(record)
            if settings.keepsCheckpoints, progress.completed < preparation?.totalSteps ?? 0, !mustKeepBest {
                startFetch(.periodic, step: progress.completed, now)
            }
        }
        if let point = history?.current, point.epochSamples > 0 {
            progress.epochLoss = point.epochLoss / Double(point.epochSamples)
        }
        history?.passBarrier(validationLoss: record?.metrics.loss)
        continueRun(now)
    }

    mutating func interrupted(_ now: Double) {
        guard !isInterrupted else { return }
        switch phase {
        case .gathering, .awaitingCheckpoint, .restoring, .connecting:
            if !hasBegun {
                endKept(.interrupted(checkpoint: nil))
                return
            }
        case .verifying where verifiesNext: break
        case .verifying, .saving, .ended:
            // What is under way keeps the state anyway, and takes seconds.
            return
        case .fetching where restsForBest:
            perform(.emit(.interrupted))
            ending = .interrupted(checkpoint: nil)
            return
        case .fetching, .failing:
            // The same.
            return
        case .training, .evaluating: break
        }
        perform(.emit(.interrupted))
        finishWith(.interrupted(checkpoint: nil), now)
    }

    /// Ends the run with `error` as soon as the state is kept.
    mutating func finishWith(_ error: RunError, _ now: Double) {
        ending = error
        switch phase {
        case .training: if progress.flights.isEmpty { continueRun(now) }
        case .evaluating: continueRun(now)
        case .gathering:
            guard !members.isEmpty || !waiting.isEmpty else {
                endKept(error)
                return
            }
            formGeneration(now)
        default: break
        }
    }
}
