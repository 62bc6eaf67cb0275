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
        /// The learning rate, once training has begun.
        var schedule: LearningRateSchedule?
        /// The summed loss and the samples of the epoch so far.
        var epochLoss = 0.0
        var epochSamples = 0
        var tokens = 0
        var samples = 0
        /// Seconds spent on steps.
        var seconds = 0.0
        /// When the last step was completed, or training was begun or taken up again.
        var lastStepAt = 0.0
        var firstStepAt = 0.0
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

    mutating func startTraining(_ now: Double) {
        phase = .training
        progress.lastStepAt = now
        if progress.schedule == nil { progress.schedule = preparation?.schedule }
        issueSteps(now)
    }

    /// The step before which everything must come to rest: the end of the epoch if something is evaluated there or
    /// decides on the learning rate, or the end of the run.
    private func barrier(_ preparation: Preparation) -> Int {
        guard preparation.validation != nil || preparation.schedule.settings.kind == .plateau else {
            return preparation.totalSteps
        }
        let perEpoch = preparation.plan.stepsPerEpoch
        return min(preparation.totalSteps, (progress.completed / perEpoch + 1) * perEpoch)
    }

    /// Orders steps up to the lookahead; at a barrier, goes on with what comes there.
    private mutating func issueSteps(_ now: Double) {
        guard let preparation, let schedule = progress.schedule else { return }
        let end = barrier(preparation)
        while !isInterrupted, progress.issued < end, progress.issued - progress.completed < settings.lookahead {
            issue(progress.issued, preparation, learningRate: schedule.rate(at: progress.issued))
            progress.issued += 1
        }
        guard progress.flights.isEmpty else { return }
        if isInterrupted { fetchCheckpoint(.interrupted(checkpoint: nil), from: 0) }
    }

    private mutating func issue(_ step: Int, _ preparation: Preparation, learningRate: Double) {
        let source = preparation.training
        let plan = preparation.plan.step(step) { source.text($0).tokenIDs.count }
        let batches = plan.microBatches.map { source.pack($0, labels: true) }
        let tree = ReductionTree(leafCount: batches.count)
        let partition = members.map { tree.leaves(rank: $0.rank, worldSize: members.count) }
        let rows = Set(batches.flatMap(\.tokenIDs)).sorted()
        for member in members {
            let order = StepOrder(
                learningRate: learningRate, leafCount: batches.count, partition: partition,
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
        case .failing, .fetching, .saving:
            // From before a failure; the step counts no more.
            return
        default:
            violation(index, "a step's report although no step was under way")
            return
        }
        let rank = members[index].rank
        guard let at = progress.flights.firstIndex(where: { UInt64($0.step) == step }) else {
            violation(index, "a report of step \(step), which is not under way")
            return
        }
        guard progress.flights[at].reports[rank] == nil,
            report.lossSums.count == progress.flights[at].partition[rank].count
        else {
            violation(index, "a report of step \(step) that does not fit its order")
            return
        }
        progress.flights[at].reports[rank] = report
        members[index].residentBytes = report.residentBytes
        while case .training = phase, let first = progress.flights.first {
            let reports = first.reports.compactMap { $0 }
            guard reports.count == members.count else { break }
            progress.flights.removeFirst()
            complete(first, reports, now)
        }
    }

    private mutating func complete(_ flight: Flight, _ reports: [StepReport], _ now: Double) {
        guard let preparation else { return }
        // Ranks own ascending runs of micro-batches, so this adds in the order of the index.
        let lossSum = reports.reduce(0) { $1.lossSums.reduce($0, +) }
        let norm = reports[0].gradientNorm
        if let other = reports.firstIndex(where: { $0.gradientNorm.bitPattern != norm.bitPattern }) {
            end(
                .failure(
                    .failed(
                        "the replicas differ at step \(flight.step + 1): \(members[0].name) has a gradient norm of "
                            + "\(norm), \(members[other].name) of \(reports[other].gradientNorm); please report this")))
            return
        }
        progress.completed = flight.step + 1
        progress.epochLoss += lossSum
        progress.epochSamples += flight.samples
        progress.tokens += flight.tokens
        progress.samples += flight.samples
        let seconds = max(now - progress.lastStepAt, 1e-9)
        progress.seconds += seconds
        progress.lastStepAt = now
        perform(
            .emit(
                .step(
                    StepMetrics(
                        step: progress.completed, epoch: flight.epoch + 1, loss: lossSum / Double(flight.samples),
                        learningRate: flight.learningRate, gradientNorm: norm, samples: flight.samples,
                        tokens: flight.tokens, tokensPerSecond: Double(flight.tokens) / seconds, stepSeconds: seconds,
                        computeSeconds: reports.reduce(0) { max($0, $1.computeSeconds) },
                        allreduceSeconds: reports.reduce(.infinity) { min($0, $1.allreduceSeconds) },
                        bytesSent: reports.reduce(0) { $0 + Int(clamping: $1.bytesSent) },
                        residentBytes: reports.reduce(0) { max($0, Int(clamping: $1.residentBytes)) },
                        elapsedSeconds: now - startedAt, totalSteps: preparation.totalSteps))))
        if progress.flights.isEmpty, !isInterrupted, progress.completed == stoppingPoint(preparation) {
            reachedBarrier(preparation, now)
        } else {
            issueSteps(now)
        }
    }

    /// The barrier that `completed` stands at, if it does.
    private func stoppingPoint(_ preparation: Preparation) -> Int {
        guard progress.completed < preparation.totalSteps else { return preparation.totalSteps }
        guard preparation.validation != nil || preparation.schedule.settings.kind == .plateau else {
            return preparation.totalSteps
        }
        return progress.completed % preparation.plan.stepsPerEpoch == 0 ? progress.completed : -1
    }

    private mutating func reachedBarrier(_ preparation: Preparation, _ now: Double) {
        if let validation = preparation.validation {
            startEvaluation(.validation, validation, now)
        } else {
            passBarrier(loss: progress.epochSamples == 0 ? 0 : progress.epochLoss / Double(progress.epochSamples), now)
        }
    }

    /// Goes on after an epoch (or the last step), whose loss decides on the learning rate.
    mutating func passBarrier(loss: Double, _ now: Double) {
        guard let preparation else { return }
        progress.schedule?.observe(loss: loss, completedSteps: progress.completed)
        progress.epochLoss = 0
        progress.epochSamples = 0
        if progress.completed < preparation.totalSteps {
            startTraining(now)
        } else if let test = preparation.test {
            startEvaluation(.test, test, now)
        } else {
            startVerification()
        }
    }

    mutating func interrupted(_ now: Double) {
        guard !isInterrupted else { return }
        switch phase {
        case .gathering, .connecting:
            end(.failure(.interrupted(checkpoint: nil)))
        case .training:
            isInterrupted = true
            perform(.emit(.interrupted))
            if progress.flights.isEmpty { fetchCheckpoint(.interrupted(checkpoint: nil), from: 0) }
        case .evaluating:
            isInterrupted = true
            perform(.emit(.interrupted))
            fetchCheckpoint(.interrupted(checkpoint: nil), from: 0)
        case .verifying, .fetching, .saving, .failing, .ended:
            // What is under way keeps the state anyway, and takes seconds.
            break
        }
    }
}
