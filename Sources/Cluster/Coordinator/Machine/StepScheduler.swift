import DequeModule
import Modeling
import Numerics
import Training

/// A step that was ordered and is not completed.
struct InFlightStep: Sendable {
    var step: Int
    var epoch: Int
    var learningRate: Double
    var partition: [Range<Int>]
    /// What the losses, as the gradient, are divided by.
    var gradientDivisor: Double
    var samples: Int
    var tokens: Int
    /// By rank.
    var reports: [StepReport?]
}

/// Orders training steps ahead of their completion, collects their reports, and keeps what became of them.
struct StepScheduler: Sendable {
    /// Sums over the steps of this coordinator.
    struct Totals: Sendable {
        var tokens = 0
        var samples = 0
        /// Seconds spent on steps.
        var seconds = 0.0
        /// The mean training loss of the last epoch that ended.
        var epochLoss: Double?
    }

    private let settings: CoordinatorSettings
    /// That of the phase under way; nil until the data is known.
    private(set) var history: RunHistory?
    /// The steps of the whole run.
    private(set) var totalSteps = 0
    /// The number of the phase, from 1, where the run has more than one: for `metrics.jsonl`.
    private var phaseNumber: Int?
    private var prefetch: StepPrefetch
    /// Steps ordered.
    private(set) var issued = 0
    /// Steps that all workers took.
    private(set) var completed = 0
    /// The steps ordered and not completed.
    private(set) var inFlight: Deque<InFlightStep> = []
    /// How the newest step was split among the generation's ranks.
    private(set) var partition: [Range<Int>] = []
    private(set) var balancer = Balancer(isEnabled: false, speeds: [])
    private(set) var totals = Totals()
    /// When the last step was completed, or training was begun or taken up again.
    private(set) var lastStepAt: Double
    private(set) var firstStepAt = 0.0

    init(_ settings: CoordinatorSettings) {
        self.settings = settings
        prefetch = StepPrefetch(lookahead: settings.lookahead)
        lastStepAt = settings.startedAt
    }

    /// The data is known, and what became of earlier steps.
    ///
    /// - Parameters:
    ///   - totalSteps: The steps of the run; nil where those of the phase are all.
    ///   - phaseNumber: From 1, where there is more than one phase.
    mutating func begin(
        _ history: RunHistory, totalSteps: Int? = nil, phaseNumber: Int? = nil, _ transition: inout Transition
    ) {
        self.history = history
        self.totalSteps = totalSteps ?? history.steps.upperBound
        self.phaseNumber = phaseNumber
        completed = history.end
        issued = completed
        lastStepAt = transition.now
        prefetchSteps(&transition)
    }

    /// Another phase begins, or is gone back to. ``completed`` does not go down here: ``rewind(to:)`` lowers it.
    mutating func enter(_ history: RunHistory, phaseNumber: Int?) {
        self.history = history
        self.phaseNumber = phaseNumber
        completed = max(completed, history.end)
        issued = completed
    }

    // MARK: where the run is

    /// The steps of the run behind which the phase ends.
    var phaseEnd: Int { history?.steps.upperBound ?? 0 }
    /// Whether all steps of the phase are done.
    var isDone: Bool { completed >= phaseEnd }

    /// Whether everything comes to rest at the end of an epoch: something is evaluated there, or decides on the
    /// learning rate.
    private var stopsAtEpochs: Bool {
        guard let history else { return false }
        return history.hasValidation || history.current.schedule.settings.kind == .plateau
    }

    /// Whether the loss of a step decides on learning rates.
    var isLossDecisive: Bool {
        guard let history else { return false }
        return history.current.schedule.settings.kind == .plateau && !history.hasValidation
    }

    /// The step before which everything must come to rest.
    private var barrier: Int {
        guard let history, stopsAtEpochs else { return phaseEnd }
        let next = (history.epoch(at: completed) + 1) * history.stepsPerEpoch
        return min(phaseEnd, history.steps.lowerBound + next)
    }

    /// Whether the run stands at such a step.
    var isAtBarrier: Bool {
        guard let history, history.isBarrier(completed) else { return false }
        return isDone || stopsAtEpochs
    }

    /// Whether what is due at this barrier is done.
    var hasPassedBarrier: Bool { history?.hasPassedBarrier ?? false }

    /// The epochs of the phase that are finished.
    var epoch: Int { history?.epoch(at: completed) ?? 0 }

    // MARK: ordering

    /// Whether the next step may be ordered: it is not too far ahead, and its micro-batches are there.
    var canIssue: Bool {
        issued < barrier && issued - completed < settings.lookahead && prefetch.step(issued) != nil
    }

    /// Training begins, or goes on.
    mutating func resume(_ now: Double) { lastStepAt = now }

    mutating func beginFirstStep(_ now: Double) { firstStepAt = now }

    /// Asks for the micro-batches of the steps to come.
    mutating func prefetchSteps(_ transition: inout Transition) {
        prefetch.advance(to: completed, end: phaseEnd, &transition)
    }

    /// Takes in micro-batches that were asked for; false if they are not wanted any more.
    mutating func prefetched(_ step: PackedStep) -> Bool { prefetch.take(step) }

    /// Orders the next step, if its micro-batches are there.
    mutating func issue(to members: [WorkerRecord], _ transition: inout Transition) {
        guard let packed = prefetch.step(issued), let history else { return }
        let learningRate = history.rate(at: issued)
        partition = balancer.partition(leaves: packed.batches.count)
        for member in members {
            let order = StepOrder(
                learningRate: learningRate, microBatchCount: packed.batches.count, partition: partition,
                gradientDivisor: packed.gradientDivisor, embeddingRows: packed.embeddingRows,
                batches: Array(packed.batches[partition[member.rank]]))
            transition.send(.step(order), to: member.peer, step: issued)
        }
        inFlight.append(
            InFlightStep(
                step: issued, epoch: packed.epoch, learningRate: learningRate, partition: partition,
                gradientDivisor: packed.gradientDivisor, samples: packed.sampleCount, tokens: packed.tokenCount,
                reports: [StepReport?](repeating: nil, count: members.count)))
        issued += 1
    }

    // MARK: reports

    /// Takes in the report of a member; false, and the member is sent away, if it does not fit.
    mutating func take(
        _ report: StepReport, step: UInt64, by member: inout WorkerRecord, _ transition: inout Transition
    ) -> Bool {
        let rank = member.rank
        guard let at = inFlight.firstIndex(where: { UInt64($0.step) == step }) else {
            transition.request(.sendAway(member.peer, what: "a report of step \(step + 1), which is not under way"))
            return false
        }
        guard inFlight[at].reports.indices.contains(rank), inFlight[at].reports[rank] == nil,
            report.lossSums.count == inFlight[at].partition.last?.upperBound
        else {
            transition.request(.sendAway(member.peer, what: "a report of step \(step + 1) that does not fit its order"))
            return false
        }
        inFlight[at].reports[rank] = report
        member.residentBytes = report.residentBytes
        member.applied = Int(step) + 1
        return true
    }

    /// Removes the first step under way and its reports, if all are there.
    mutating func nextReported() -> (step: InFlightStep, reports: [StepReport])? {
        guard let first = inFlight.first else { return nil }
        let reports = first.reports.compactMap { $0 }
        guard reports.count == first.reports.count else { return nil }
        inFlight.removeFirst()
        return (first, reports)
    }

    /// Whether a member has not reported the first step under way, and another one has.
    func isAwaited(rank: Int) -> Bool {
        guard let reports = inFlight.first?.reports, reports.indices.contains(rank) else { return false }
        return reports[rank] == nil && reports.contains { $0 != nil }
    }

    /// All members took a step, of which `report` counts.
    ///
    /// - Returns: the seconds that it took.
    mutating func complete(
        _ done: InFlightStep, _ report: StepReport, of reports: [StepReport], _ transition: inout Transition
    ) -> Double {
        totals.samples += done.samples
        totals.tokens += done.tokens
        let seconds = max(transition.now - lastStepAt, 1e-9)
        totals.seconds += seconds
        lastStepAt = transition.now
        var metrics = StepMetrics(
            step: done.step + 1, epoch: done.epoch + 1,
            loss: report.lossSums.reduce(0, +) / done.gradientDivisor, learningRate: done.learningRate,
            gradientNorm: report.gradientNorm, samples: done.samples, tokens: done.tokens,
            tokensPerSecond: Double(done.tokens) / seconds, stepSeconds: seconds,
            elapsedSeconds: transition.now - settings.startedAt)
        metrics.computeSeconds = reports.reduce(0) { max($0, $1.computeSeconds) }
        metrics.allreduceSeconds = reports.reduce(.infinity) { min($0, $1.allreduceSeconds) }
        metrics.bytesSent = reports.reduce(0) { $0 + Int(clamping: $1.bytesSent) }
        metrics.residentBytes = reports.reduce(0) { max($0, Int(clamping: $1.residentBytes)) }
        completed(metrics, &transition)
        balancer.measured(leaves: done.partition.map(\.count), seconds: reports.map(\.computeSeconds))
        return seconds
    }

    /// A step is done, and known to be.
    private mutating func completed(_ metrics: StepMetrics, _ transition: inout Transition) {
        var metrics = metrics
        metrics.totalSteps = totalSteps
        metrics.phase = phaseNumber
        completed = metrics.step
        history?.add(loss: metrics.loss, samples: metrics.samples)
        transition.emit(.step(metrics))
    }

    /// Goes on after an epoch (or the last step), whose loss decides on the learning rate.
    mutating func passBarrier(validationLoss: Double?) {
        if let point = history?.current, point.epochSamples > 0 {
            totals.epochLoss = point.epochLoss / Double(point.epochSamples)
        }
        history?.passBarrier(validationLoss: validationLoss)
    }

    // MARK: going back and forward

    /// The generation ends: what was ordered is given up, or will be ordered again.
    mutating func suspend() {
        inFlight.removeAll()
        partition = []
        issued = completed
    }

    /// A generation begins, whose members have these speeds, by rank.
    mutating func beginGeneration(speeds: [Double?]) {
        balancer = Balancer(isEnabled: settings.balances, speeds: speeds)
    }

    /// Whether enough is known of the run to go on from `step`, with what a worker has recorded of the steps before.
    func canGoOn(from step: Int, records: [StepRecord]) -> Bool {
        guard let history else { return false }
        guard step > history.end else { return history.point(at: step) != nil }
        return history.canAdd(upTo: step)
            && (history.end..<step).allSatisfy { step in records.contains { $0.step == UInt64(step) } }
    }

    /// Asks for the micro-batches of all steps that are to be recovered, and of those to come, when the work is to go
    /// on from `step`.
    mutating func prefetchRecovery(to step: Int, _ transition: inout Transition) {
        prefetch.advance(to: min(step, history?.end ?? step), end: phaseEnd, &transition)
    }

    /// Whether those of the steps to be recovered are there.
    func canRecover(to step: Int) -> Bool {
        guard let end = history?.end, end < step else { return true }
        return prefetch.holds(end..<step)
    }

    /// The state at this point was read from disk. If its step is not the base of the history, the history begins again
    /// at it.
    mutating func restart(from point: RunHistory.Point) {
        guard let old = history, old.base.step != point.step else { return }
        history = RunHistory(
            base: point, stepsPerEpoch: old.stepsPerEpoch, steps: old.steps, hasValidation: old.hasValidation)
    }

    /// Goes back to an earlier step, as no worker has newer weights.
    mutating func rewind(to step: Int) {
        if let end = history?.end, step <= end { _ = history?.rewind(to: step) }
    }

    /// Brings what is known of the run forward to `step`: the workers may be ahead, as their reports got lost, but
    /// every one of them has recorded what the steps gave.
    mutating func recover(to step: Int, records: [StepRecord], _ transition: inout Transition) {
        let end = history?.end ?? step
        for record in records where record.step >= UInt64(end) && record.step < UInt64(step) {
            recover(record, &transition)
        }
        completed = step
        issued = step
    }

    private mutating func recover(_ record: StepRecord, _ transition: inout Transition) {
        history?.passBarrierIfDue()
        let step = Int(clamping: record.step)
        guard let history, let packed = prefetch.step(step) else { return }
        let seconds = max(transition.now - lastStepAt, 1e-9)
        let lossSum: Double = record.lossSums.reduce(0, +)
        let metrics = StepMetrics(
            step: step + 1, epoch: packed.epoch + 1, loss: lossSum / packed.gradientDivisor,
            learningRate: history.rate(at: step), gradientNorm: record.gradientNorm,
            samples: packed.sampleCount, tokens: packed.tokenCount,
            tokensPerSecond: Double(packed.tokenCount) / seconds, stepSeconds: seconds,
            elapsedSeconds: transition.now - settings.startedAt)
        completed(metrics, &transition)
    }

    /// A checkpoint of this step is there: what came before need not be known any more.
    mutating func forget(before step: Int) { history?.forget(before: step) }
}
