import Modeling
import Support
import Training

/// Writes predictions as JSON Lines.
struct PredictionWriter {
    private let labels: [ArraySlice<UInt8>]

    init(labels: [String]) {
        self.labels = labels.map { label in
            var json = JSONWriter()
            json.string(label)
            return json.bytes[...]
        }
    }

    /// A line for each row of logits.
    func lines(_ rows: [[Float]]) -> [UInt8] {
        var json = JSONWriter()
        for logits in rows {
            logits.withUnsafeBufferPointer { logits in
                json.raw("{\"label\": ")
                json.raw(labels[CrossEntropy.prediction(logits)])
                json.raw(", \"probabilities\": {")
                for (index, probability) in CrossEntropy.probabilities(logits).enumerated() {
                    if index > 0 { json.raw(", ") }
                    json.raw(labels[index])
                    json.raw(": ")
                    json.number(Float(probability))
                }
                json.raw("}}")
                json.newline()
            }
        }
        return json.bytes
    }
}
