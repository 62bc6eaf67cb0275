import Testing
import Training

@testable import Cluster

struct RemainingTimeTests {
    private func step(_ step: Int) -> StepMetrics {
        StepMetrics(
            step: step, epoch: 1, loss: 1, learningRate: 1, gradientNorm: 1, samples: 10, tokens: 100,
            tokensPerSecond: 50, stepSeconds: 2, elapsedSeconds: 0)
    }

    private func evaluation(_ kind: EvaluationKind, step: Int, examples: Int, seconds: Double) -> EvaluationRecord {
        EvaluationRecord(
            kind: kind, step: step, epoch: 1, metrics: report(examples: examples, right: examples), seconds: seconds)
    }

    @Test func `nothing is known before the first step`() {
        #expect(RemainingTime(totalSteps: 80, stepsPerEpoch: 8).seconds == nil)
    }

    @Test func `without evaluations the steps are all`() {
        var time = RemainingTime(totalSteps: 80, stepsPerEpoch: 8)
        time.add(step(10))
        #expect(time.seconds == 140)
        time.add(step(80))
        #expect(time.seconds == 0)
    }

    @Test func `evaluations to come count, first by the forward pass of a step, then as measured`() {
        var time = RemainingTime(totalSteps: 20, stepsPerEpoch: 8, validationExamples: 30, testExamples: 60)
        time.add(step(7))
        // Steps of 2 s for 10 examples: 1/15 s for the forward pass of one. Validations after 8, 16 and 20.
        let first = 13 * 2 + Double(3 * 30 + 60) / 15
        #expect(abs((time.seconds ?? 0) - first) < 1e-9)
        time.add(step(8))
        #expect(abs((time.seconds ?? 0) - (first - 2)) < 1e-9)
        time.evaluating(.validation, done: 20, total: 30)
        #expect(abs((time.seconds ?? 0) - (12 * 2 + Double(10 + 2 * 30 + 60) / 15)) < 1e-9)
        time.add(evaluation(.validation, step: 8, examples: 30, seconds: 3))
        #expect(abs((time.seconds ?? 0) - (12 * 2 + Double(2 * 30 + 60) * 0.1)) < 1e-9)
        for s in 9...20 { time.add(step(s)) }
        time.add(evaluation(.validation, step: 20, examples: 30, seconds: 3))
        #expect(abs((time.seconds ?? 0) - 6) < 1e-9)
        time.evaluating(.test, done: 30, total: 60)
        #expect(abs((time.seconds ?? 0) - 3) < 1e-9)
        time.add(evaluation(.test, step: 20, examples: 60, seconds: 6))
        #expect(time.seconds == 0)
    }

    @Test func `numbers that cannot be multiplied do no harm`() {
        var time = RemainingTime(
            totalSteps: .max, stepsPerEpoch: 1, validationExamples: .max / 2, testExamples: 0)
        time.add(step(1))
        #expect(time.seconds?.isFinite == true)
    }
}
