import Testing
import Training

@testable import Cluster

/// When the state is kept, and what happens when it cannot be.
@Suite struct CheckpointPolicyTests {
    private static func policy(_ change: (inout CoordinatorSettings) -> Void = { _ in }) -> CheckpointPolicy {
        CheckpointPolicy(Samples.settings(change))
    }

    private func validation(_ step: Int, accuracy: Double) -> EvaluationRecord {
        EvaluationRecord(
            kind: .validation, step: step, epoch: 1,
            metrics: report(examples: 10, right: Int((accuracy * 10).rounded()), loss: 0.1), seconds: 1)
    }

    @Test func `a checkpoint is due by steps or by time, and not twice`() {
        var bySteps = Self.policy { $0.checkpointEvery = 4 }
        #expect((1...6).filter { bySteps.isDue(before: $0, 0) } == [4, 5, 6])
        bySteps.requested(step: 5, 0)
        #expect((1...8).filter { bySteps.isDue(before: $0, 0) } == [8])
        var byTime = Self.policy { $0.checkpointSeconds = 60 }
        byTime.beginFirstStep(10)
        #expect(!byTime.isDue(before: 1, 69) && byTime.isDue(before: 1, 70))
        #expect(!Self.policy().isDue(before: 1000, 1e9))
    }

    @Test func `the best state is the one of the best validation, of equals the later one`() {
        var policy = Self.policy { $0.keepsBest = true }
        for (step, accuracy) in [(4, 0.5), (8, 0.7), (12, 0.6), (16, 0.7)] {
            policy.validated(validation(step, accuracy: accuracy))
        }
        #expect(policy.best?.step == 16 && policy.mustKeepBest(at: 16) && !policy.mustKeepBest(at: 12))
        #expect(policy.needsFinale(at: 20) && !policy.needsFinale(at: 16))
        policy.rewind(to: 12)
        #expect(policy.best == nil)
    }

    @Test func `a state that the run waits for is tried again, for a while`() {
        var policy = Self.policy()
        for attempt in 1...10 {
            var transition = Transition.at(Double(attempt) * 10)
            policy.write(.best, Samples.history().base, phase: 0, Samples.history(20), &transition)
            switch policy.failed("disk full", isSaving: false, &transition) {
            case .goOn: #expect(attempt < 10 && policy.isBusy && policy.isRetryDue(transition.now + 3))
            case .end(let error): #expect(attempt == 10 && error.description.contains("--keep best needs"))
            default: Issue.record("attempt \(attempt)")
            }
        }
    }

    @Test func `a run goes on without a checkpoint, and ends without one only after a try at the model`() {
        var policy = Self.policy()
        var transition = Transition.at(0)
        policy.write(.periodic, Samples.history().base, phase: 0, Samples.history(20), &transition)
        guard case .goOn = policy.failed("disk full", isSaving: false, &transition) else {
            Issue.record("it goes on")
            return
        }
        policy.write(.final, Samples.history().base, phase: 0, Samples.history(20), &transition)
        guard case .saveModel = policy.failed("disk full", isSaving: true, &transition),
            case .end = policy.failed("disk full", isSaving: true, &transition)
        else {
            Issue.record("the model, then the end")
            return
        }
        #expect(transition.warnings.count == 2)
    }

    @Test func `an error says where the state is kept`() {
        var policy = Self.policy()
        #expect(policy.kept(.failed("x")) == .failed("x"))
        var transition = Transition.at(0)
        policy.write(.periodic, Samples.history(base: 3).base, phase: 0, Samples.history(20), &transition)
        #expect(policy.saved(path: "run/step-3", &transition)?.point.step == 3)
        #expect(policy.isKept(step: 3) && !policy.isKept(step: 4))
        #expect(policy.kept(.interrupted(checkpoint: nil)) == .interrupted(checkpoint: "run/step-3"))
        #expect(policy.kept(.failed("x")).description.contains("x; the state before that step is kept in run/step-3"))
    }
}
