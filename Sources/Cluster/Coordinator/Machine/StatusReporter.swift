import Support

/// What can be seen of a run from outside.
struct StatusReporter: Sendable {
    private static let maxChanges = 1000

    private let settings: CoordinatorSettings
    /// Changes of the membership, with their times on the clock of the events.
    private var changes: [(change: RunStatus.Change, at: Double)] = []
    /// Of this coordinator's part of the run.
    private var remaining: RemainingTime?
    /// The newest step's metrics.
    private var last: StepMetrics?

    init(_ settings: CoordinatorSettings) { self.settings = settings }

    /// Takes in what an event has led to, with so many steps completed.
    mutating func observe(_ transition: Transition, step: Int) {
        for (kind, subject, detail) in transition.changes {
            if changes.count >= Self.maxChanges { changes.removeFirst(changes.count - Self.maxChanges + 1) }
            let change = RunStatus.Change(
                kind: kind, subject: subject.printable(), detail: detail.printable(), step: step, time: 0)
            changes.append((change, transition.now))
        }
        for case .emit(let event) in transition.effects {
            switch event {
            case .started(let run):
                remaining = RemainingTime(
                    totalSteps: run.totalSteps, stepsPerEpoch: run.stepsPerEpoch,
                    validationExamples: run.validationExamples, testExamples: run.testExamples)
            case .step(let metrics):
                last = metrics
                remaining?.add(metrics)
            case .evaluating(let kind, let done, let total): remaining?.evaluating(kind, done: done, total: total)
            case .evaluation(let record): remaining?.add(record)
            default: break
            }
        }
    }

    /// How the run goes.
    ///
    /// - Parameters:
    ///   - phase: Its name, see ``RunStatus/phase``.
    ///   - process: The coordinator's process, and the time of day.
    func status(
        phase: String, _ membership: Membership, _ training: TrainingLoop,
        process: RunStatus.Process, _ now: Double
    ) -> RunStatus {
        let memberState =
            switch (training.stage, phase) {
            case (.training, _), (.evaluating, _): "working"
            case (_, "connecting"), (_, "ended"): phase
            default: "waiting"
            }
        let steps = training.steps
        let microBatches = Double(steps.partition.last?.upperBound ?? 0)
        func worker(_ record: WorkerRecord, isMember: Bool) -> RunStatus.Worker {
            let rank = isMember ? record.rank : .max
            let share = rank < steps.partition.count ? steps.partition[rank].count : 0
            let speeds = steps.balancer.speeds
            return RunStatus.Worker(
                number: record.number, host: record.worker.host, pid: record.worker.pid,
                threads: record.worker.threads, state: isMember || phase == "ended" ? memberState : "joining",
                speed: rank < speeds.count ? speeds[rank] : nil,
                share: microBatches > 0 ? Double(share) / microBatches : nil,
                silentSeconds: max(0, now - record.lastHeard), residentBytes: Int(clamping: record.residentBytes))
        }
        let workers =
            membership.members.map { worker($0, isMember: true) }
            + membership.waiting.map { worker($0, isMember: false) }
        var status = RunStatus(
            phase: phase, step: steps.completed, totalSteps: steps.totalSteps,
            loss: last?.loss, tokensPerSecond: last?.tokensPerSecond, generation: membership.shownGeneration,
            checkpoint: training.checkpointer.policy.path, elapsedSeconds: now - settings.startedAt,
            endpoint: training.plan?.endpoint ?? "", workers: workers.sorted { $0.number < $1.number },
            changes: changes.map { change, at in
                var change = change
                change.time = process.time - (now - at)
                return change
            }, process: process)
        if let history = steps.history {
            status.totalEpochs = history.steps.isEmpty ? 0 : 1 + history.epoch(at: history.steps.upperBound - 1)
            if steps.completed > history.steps.lowerBound { status.epoch = 1 + history.epoch(at: steps.completed - 1) }
        }
        if let phases = training.phases, let number = phases.number {
            status.trainingPhase = number
            status.trainingPhases = phases.plan.phases.count
        }
        if let parameters = training.phases?.current.parameters {
            status.parameters = parameters.all
            status.trainedParameters = parameters.trained
        }
        status.learningRate = last.flatMap { $0.learningRate.isFinite ? $0.learningRate : nil }
        status.secondsLeft = phase == "ended" ? nil : remaining?.seconds.flatMap { $0.isFinite ? $0 : nil }
        return status
    }
}
