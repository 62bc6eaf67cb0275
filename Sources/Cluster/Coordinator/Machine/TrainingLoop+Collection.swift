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

    /// What the outputs of a phase that begins follow from; nil where they are not looked for: nobody knows what they
    /// will follow from where workers compute with different instructions; and weights that the run has trained are
    /// hardly those of another run.
    func origin(_ phase: PhasePlan, _ members: [WorkerRecord]) -> EmbeddingOrigin? {
        let products = Set(members.map { $0.worker.products(in: settings.precision) })
        guard settings.cachesOutputs, let only = products.first, products.count == 1,
            let source = checkpointer.transfer.source, source.step == 0, steps.completed == 0,
            let weights = source.parts.first(where: { $0.part == .weights })?.sha256
        else { return nil }
        return EmbeddingOrigin(
            weights: weights, model: phase.welcome.modelSpecification, precision: settings.precision, products: only)
    }

    /// The cache has answered.
    mutating func found(
        _ id: UInt32, _ parts: [Int: EvaluationPart], _ membership: inout Membership, _ transition: inout Transition
    ) {
        evaluations.found(id, parts, &transition)
        if case .evaluating = stage, evaluations.kind == .collection { evaluate(&membership, &transition) }
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
