import Modeling
import Training

/// All that the coordinator must know before workers can be welcomed.
struct RunPlan: Sendable {
    /// At least one.
    var phases: [PhasePlan]
    /// What the run begins with.
    var source: StateSource
    /// What is known of the steps so far of the source's phase: of a run that is resumed, from its files.
    var history: RunHistory
    /// The checkpoint that `source` is, if it is one.
    var checkpoint: String?
    /// The best checkpoint by validation that is there.
    var best: BestState?
    /// The validation of the state in `checkpoint`, if there was one.
    var validation: BestState?
    /// What the model is given beside a text.
    var secondText = RunResult.SecondText.none
    /// Where workers connect to, and the run directory, for people.
    var endpoint = ""
    var output = ""

    /// The steps of the whole run.
    var totalSteps: Int { phases.last?.steps.upperBound ?? 0 }

    /// The phase that it begins with, or goes on in.
    var firstPhase: PhasePlan { phases[source.phase] }

    /// A line about the folders that a run with an adapter leaves; nil for one without.
    func adapterNotice(modelPath: String) -> String? {
        guard phases.last?.model.adapter != nil else { return nil }
        return "\(output)/adapter holds the adapter as peft reads it, \(modelPath) the model with the adapter merged"
    }

    /// The number of the phase that a step, counted from 0, belongs to.
    func phase(ofStep step: Int) -> Int { phases.firstIndex { step < $0.steps.upperBound } ?? phases.count - 1 }
}

extension RunSummary {
    /// What is known of a run once its data is.
    init(_ plan: RunPlan, _ settings: CoordinatorSettings) {
        let phase = plan.firstPhase
        self.init(
            examples: phase.training.count, texts: phase.training.textCount, labels: phase.labels,
            parameters: phase.parameters.all,
            totalSteps: plan.totalSteps, stepsPerEpoch: phase.data.stepsPerEpoch,
            workers: settings.workers, endpoint: plan.endpoint, output: plan.output,
            isResumed: settings.isResumed, keys: settings.keys, communicationHints: settings.communicationHints,
            validationExamples: phase.validation?.count ?? 0, testExamples: plan.phases.last?.test?.count ?? 0,
            problem: (phase.model.head as? SequenceClassification)?.problem)
    }
}
