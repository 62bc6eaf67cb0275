/// One line of `metrics.jsonl` for an evaluation.
struct EvaluationLine: Encodable {
    let record: EvaluationRecord

    private enum CodingKeys: String, CodingKey {
        case evaluation, step, epoch, loss, accuracy, examples, seconds
        case macroF1 = "macro_f1"
        case modelStep = "model_step"
    }

    func encode(to encoder: any Encoder) throws {
        var line = encoder.container(keyedBy: CodingKeys.self)
        try line.encode(record.kind, forKey: .evaluation)
        try line.encode(record.step, forKey: .step)
        try line.encode(record.epoch, forKey: .epoch)
        try line.encode(record.metrics.loss, forKey: .loss)
        try line.encode(record.metrics.accuracy, forKey: .accuracy)
        try line.encode(record.metrics.macroF1, forKey: .macroF1)
        try line.encode(record.metrics.examples, forKey: .examples)
        try line.encode(record.seconds, forKey: .seconds)
        try line.encodeIfPresent(record.modelStep, forKey: .modelStep)
    }
}
