import Modeling
import Support

/// One line of `metrics.jsonl` for an evaluation: each metric under its own key.
struct EvaluationLine: Encodable {
    let record: EvaluationRecord

    func encode(to encoder: any Encoder) throws {
        var line = encoder.container(keyedBy: FreeKey.self)
        try line.encode(record.kind, forKey: FreeKey("evaluation"))
        try line.encode(record.step, forKey: FreeKey("step"))
        try line.encode(record.epoch, forKey: FreeKey("epoch"))
        try line.encode(record.metrics.loss, forKey: FreeKey("loss"))
        try line.encode(record.metrics.values)
        try line.encode(record.metrics.examples, forKey: FreeKey("examples"))
        try line.encode(record.seconds, forKey: FreeKey("seconds"))
        try line.encodeIfPresent(record.modelStep, forKey: FreeKey("model_step"))
    }
}

extension KeyedEncodingContainer<FreeKey> {
    /// Writes each metric under its key.
    mutating func encode(_ metrics: [Metric]) throws {
        for metric in metrics { try encode(metric.value, forKey: FreeKey(metric.kind.key)) }
    }
}
