import Inference
import Modeling
import Training

/// Encoder and classifier learn the outputs of teachers, on texts with and without labels (``Distillation``). Before
/// that the teachers' outputs are collected, one teacher after the other, and a classifier is computed from embeddings,
/// which the student begins with. Without teachers that classifier, which may know more views of a text than the
/// student, is the teacher.
struct Distilling: Recipe {
    static let name = "distillation"

    func phases(_ request: RecipeRequest) -> [Phase] {
        let run = request.run
        guard let collection = Probe.collection(request) else { return [] }
        var phases = request.teachers.enumerated().map { number, teacher in
            let name = request.teachers.count == 1 ? "teacher" : "teacher \(number + 1)"
            var phase = Probe.phase(name, teacher.head, NoObjective(), .all, request)
            (phase.collectsOutputs, phase.teacher, phase.maxLength) = (true, number, teacher.maxLength)
            return phase
        }
        var tuning = Phase(
            name: Self.name, head: request.head,
            objective: Distillation(
                temperature: run.distillationTemperature, labelWeight: run.distillationLabelWeight),
            trainable: request.trainable, hyperparameters: run.hyperparameters, schedule: run.scheduleSettings,
            length: run.steps.map { .steps($0) } ?? .epochs(run.epochs ?? 1),
            batchSize: run.batchSize, microBatches: run.microBatches, maxLength: request.maxLength)
        tuning.examples = .distilled
        phases += [collection, tuning]
        return phases
    }
}
