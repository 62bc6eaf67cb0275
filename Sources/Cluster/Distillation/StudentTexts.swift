import Corpus
import Inference
import Modeling
import Support

/// What a student learns from: its texts, and the teachers' outputs.
struct StudentTexts: Sendable {
    /// In the order of the run's phases; none where the probe of the run is the teacher.
    let teachers: [Teacher]
    let texts: DistilledTexts
    /// Nil without teachers.
    let answers: TeacherAnswers?

    /// Reads the teachers; nil for a run of another method.
    ///
    /// - Throws: An error that names the option or the folder.
    init?(_ data: RunData, _ extra: FewShotData?, _ run: RunConfiguration, _ source: RunModel) throws {
        guard run.method == .distill else { return nil }
        guard run.teacher == nil || !run.teachers.isEmpty else {
            throw ConfigurationError.invalid("teacher", value: run.teacher ?? "", need: "the folder of a classifier")
        }
        let labels = data.training.labels
        teachers = try run.teachers.map { try Teacher($0, run, labels: labels) }
        answers = teachers.isEmpty ? nil : TeacherAnswers()
        texts = DistilledTexts(
            data.training.examples, extra?.unlabelled ?? [], classes: labels.count, run: run.output,
            tokenizer: source.tokenizer, maxLength: source.maxLength)
    }
}
