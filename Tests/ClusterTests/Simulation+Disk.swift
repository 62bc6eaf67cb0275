import Foundation
import Modeling
import Numerics
import TestSupport
import Training

@testable import Cluster

/// What the simulated coordinator finds on its disk, and how it vanishes and is started again on that.
extension Simulation {
    /// What the coordinator reads: at the beginning the model, later the newest checkpoint and the log.
    func runPlan() throws -> RunPlan {
        let model = ModelConfiguration.tiny()
        let source = try newestSource()
        var history = try phase(source.phase, model.classifier()).history(from: source.point)
        log.replay(into: &history)
        return RunPlan(
            phases: try phaseSteps.indices.map { try phase($0, model.classifier()) }, source: source, history: history,
            best: bestOnDisk(in: source.phase))
    }

    /// The steps of each phase.
    private var phaseSteps: [Range<Int>] {
        if shape.collects != nil { return [0..<0, 0..<shape.totalSteps] }
        return shape.secondPhase.map { [0..<$0, $0..<shape.totalSteps] } ?? [0..<shape.totalSteps]
    }

    /// A phase; the second one has other weights, another rate and fewer vectors.
    private func phase(_ number: Int, _ model: ModelSpecification) throws -> PhasePlan {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let steps = phaseSteps[number]
        let isCollecting = shape.collects != nil && number == 0
        var hyperparameters = Hyperparameters()
        hyperparameters.weightDecay = 0.01 + Double(number)
        var plan = PhasePlan(
            name: "phase \(number)",
            welcome: Welcome(
                modelSpecification: model.json(),
                hyperparameters: String(decoding: try encoder.encode(hyperparameters), as: UTF8.self), seed: 1,
                shape: shape.state, firstStep: UInt64(steps.lowerBound), heartbeatTimeout: 5,
                orphanTimeout: 60, runID: "run"),
            model: model, labels: ["a", "b", "c"], parameters: TrainedShare(all: 5, trained: 5),
            training: FakeExamples(count: shape.samples),
            validation: isCollecting ? nil : shape.validation.map { FakeExamples(count: $0) },
            test: number == phaseSteps.count - 1 ? shape.test.map { FakeExamples(count: $0) } : nil,
            data: DataPlan(
                sampleCount: shape.samples, batchSize: shape.batch, microBatches: shape.microBatches, seed: 3,
                phase: number),
            steps: steps, schedule: schedule(number), stateParts: [.weights, .firstMoment], evaluationBatch: 2)
        if isCollecting { plan.collection = shape.collects.map { FakeExamples(count: $0) } }
        return plan
    }

    private func schedule(_ phase: Int) -> LearningRateSchedule {
        LearningRateSchedule(
            ScheduleSettings(kind: shape.schedule, learningRate: phase == 0 ? 1 : 0.5),
            totalSteps: phaseSteps[phase].count)
    }

    private func bestOnDisk(in phase: Int) -> BestState? {
        var best: BestState?
        for (step, checkpoint) in disk.sorted(by: { $0.key < $1.key }) where checkpoint.state.phase == phase {
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
        guard let (step, checkpoint) = disk.max(by: { $0.key < $1.key }) else {
            sourceNumbers = [.weights: 1]
            return StateSource(
                step: 0, phase: isSolved ? 1 : 0, parts: [PartToLoad(part: .weights, sha256: Samples.digest)],
                point: RunHistory.Point(step: 0, schedule: schedule(isSolved ? 1 : 0)))
        }
        let next = checkpoint.state.phase + 1
        if step == phaseSteps[checkpoint.state.phase].upperBound, next < phaseSteps.count {
            // The next phase: other weights, which follow from these, and new moments.
            sourceNumbers = [.weights: checkpoint.numbers[.weights].map { $0 &* 31 &+ 7 } ?? 0]
            return StateSource(
                step: step, phase: next, parts: [PartToLoad(part: .weights, sha256: Samples.digest)],
                point: RunHistory.Point(step: step, schedule: schedule(next)))
        }
        sourceNumbers = checkpoint.numbers
        return try source(step, checkpoint)
    }

    func source(
        _ step: Int, _ checkpoint: (numbers: [StatePart: UInt64], state: TrainingState)
    ) throws -> StateSource {
        var schedule = schedule(checkpoint.state.phase)
        if !checkpoint.state.schedule.isEmpty { try schedule.restore(checkpoint.state.schedule) }
        return StateSource(
            step: step, phase: checkpoint.state.phase,
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
        previousStarts += 1
        isSolved = false
        bestNumber = nil
        // What was shown of the run comes from the log.
        coordinator = CoordinatorMachine(Self.settings(shape, previousStarts: previousStarts), now: now)
        coordinate(.runLoaded(try runPlan()))
    }
}
