import Modeling

/// Phases in which outputs are collected, from which the head of the next one is computed.
extension TrainingLoop {
    /// Has the head computed where all outputs are there; false where something else was evaluated.
    mutating func finishCollection(_ transition: inout Transition) -> Bool {
        guard evaluations.kind == .collection, let part = evaluations.finishCollection() else { return false }
        stage = .idle
        transition.request(.restore(.solve(part)))
        return true
    }

    /// Whether nothing is left to do with the state that the phase under way begins with but to write it: it is the
    /// last one, and has no steps.
    var endsAtOnce: Bool { phases.map { $0.isLast && $0.current.steps.isEmpty && $0.plan.phases.count > 1 } ?? false }

    /// Where the run ends at once: the state that the last phase begins with, which no worker has, becomes the model.
    mutating func saveSource(_ source: StateSource, _ transition: inout Transition) -> Bool {
        guard endsAtOnce else { return false }
        stage = .saving
        transition.emit(.saving)
        checkpointer.policy.writeBestModel(source.point, &transition)
        return true
    }

    /// Takes in what was found with a head that was computed.
    mutating func report(
        _ reports: [EvaluationKind: MetricReport], seconds: Double, _ transition: inout Transition
    ) {
        for kind in [EvaluationKind.validation, .test] {
            guard let report = reports[kind] else { continue }
            evaluations.take(
                EvaluationRecord(
                    kind: kind, step: steps.completed, epoch: steps.epoch, metrics: report, seconds: seconds),
                &transition)
        }
    }
}
