import Foundation
import Numerics
import Training
import Modeling

@testable import Cluster

/// What the simulated coordinator finds on its disk, and how it vanishes and is started again on that.
extension Simulation {
    /// What the coordinator reads: at the beginning the model, later the newest checkpoint and the log.
    func runPlan() throws -> RunPlan {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var model = BertConfiguration()
        model.labels = ["a", "b", "c"]
        let plan = DataPlan(
            sampleCount: shape.samples, batchSize: shape.batch, microBatches: shape.microBatches, seed: 3)
        let source = try newestSource()
        var history = RunHistory(
            base: source.point, stepsPerEpoch: plan.stepsPerEpoch, totalSteps: shape.totalSteps,
            hasValidation: shape.validation != nil)
        log.replay(into: &history, totalSteps: shape.totalSteps)
        return RunPlan(
            welcome: Welcome(
                modelSpecification: model.classifier().json(),
                hyperparameters: String(decoding: try encoder.encode(Hyperparameters()), as: UTF8.self), seed: 1,
                weightCount: shape.weightCount, heartbeatTimeout: 5, orphanTimeout: 60, runID: "run"),
            model: model.classifier(), labels: model.labels, parameters: 5,
            training: FakeExamples(count: shape.samples),
            validation: shape.validation.map { FakeExamples(count: $0) },
            test: shape.test.map { FakeExamples(count: $0) }, plan: plan, totalSteps: shape.totalSteps, source: source,
            history: history, best: bestOnDisk, stateParts: [.weights, .firstMoment], evaluationBatch: 2)
    }

    private var bestOnDisk: BestState? {
        var best: BestState?
        for (step, checkpoint) in disk.sorted(by: { $0.key < $1.key }) {
            guard let accuracy = checkpoint.state.metrics["validation_accuracy"],
                let loss = checkpoint.state.metrics["validation_loss"]
            else { continue }
            let found = BestState(
                step: step, primary: Metric(ClassificationMetrics.accuracy, accuracy), loss: loss, isKept: true)
            if best.map({ found.isAtLeast($0) }) ?? true { best = found }
        }
        return best
    }

    func newestSource() throws -> StateSource {
        let schedule = LearningRateSchedule(
            ScheduleSettings(kind: shape.schedule, learningRate: 1), totalSteps: shape.totalSteps)
        guard let (step, checkpoint) = disk.max(by: { $0.key < $1.key }) else {
            sourceNumbers = [.weights: 1]
            return StateSource(
                step: 0, parts: [PartToLoad(part: .weights, sha256: Samples.digest)],
                point: RunHistory.Point(step: 0, schedule: schedule))
        }
        sourceNumbers = checkpoint.numbers
        return try source(step, checkpoint)
    }

    func source(
        _ step: Int, _ checkpoint: (numbers: [StatePart: UInt64], state: TrainingState)
    ) throws -> StateSource {
        var schedule = LearningRateSchedule(
            ScheduleSettings(kind: shape.schedule, learningRate: 1), totalSteps: shape.totalSteps)
        if !checkpoint.state.schedule.isEmpty { try schedule.restore(checkpoint.state.schedule) }
        return StateSource(
            step: step,
            parts: checkpoint.numbers.keys.map { PartToLoad(part: $0, sha256: Samples.digest) },
            point: RunHistory.Point(
                step: step, schedule: schedule, epochLoss: checkpoint.state.metrics["epoch_loss"] ?? 0,
                epochSamples: Int(checkpoint.state.metrics["epoch_samples"] ?? 0)))
    }

    /// The coordinator vanishes, with what it had not sent; what lies on its disk stays.
    func killCoordinator() {
        isCoordinatorAlive = false
        pending.removeAll()
        written.removeAll()
        for index in workers.indices where !toWorker[index].isEmpty {
            toWorker[index].removeLast(random.next(below: toWorker[index].count + 1))
        }
    }

    /// It is started again on its run directory.
    func restartCoordinator() throws {
        guard !isCoordinatorAlive else { return }
        isCoordinatorAlive = true
        incarnation += 1
        bestNumber = nil
        // What was shown of the run comes from the log.
        coordinator = CoordinatorMachine(Self.settings(shape, incarnation: incarnation), now: now)
        coordinate(.runLoaded(try runPlan()))
    }
}
