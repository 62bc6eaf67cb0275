import Foundation

/// What `metrics.jsonl` tells of a run so far.
struct MetricsLog: Sendable {
    /// A line, with what it is about.
    struct Line: Sendable {
        var text: String
        var step: Int
        /// Nil for a training step.
        var evaluation: String?
        var loss: Double
        var samples: Int
    }

    private(set) var lines: [Line] = []

    /// These lines.
    init(lines: [Line] = []) { self.lines = lines }

    /// Reads a file; one that is not there has no lines.
    init(path: String) { self.init(FileManager.default.contents(atPath: path) ?? Data()) }

    /// Reads a file's bytes as far as they are whole: a line that was being written when the writer was killed, and all
    /// after it, do not count.
    init(_ data: Data) {
        for bytes in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            guard let line = Self.line(Data(bytes)) else { return }
            lines.append(line)
        }
    }

    private struct Fields: Decodable {
        var step: Int
        var loss: Double
        var samples: Int?
        var evaluation: String?
    }

    private static func line(_ data: Data) -> Line? {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: data) else { return nil }
        return Line(
            text: String(decoding: data, as: UTF8.self), step: fields.step, evaluation: fields.evaluation,
            loss: fields.loss, samples: fields.samples ?? 0)
    }

    /// The lines that belong to a run that stands at `step`, before what comes there.
    func upTo(_ step: Int) -> [Line] {
        lines.filter { $0.evaluation == nil ? $0.step <= step : $0.step < step }
    }

    /// Tells a history what came after its end, as far as nothing is missing.
    func replay(into history: inout RunHistory, totalSteps: Int) {
        for line in lines where line.evaluation == "validation" && line.step >= history.base.step {
            history.note(validationLoss: line.loss, at: line.step)
        }
        for line in lines where line.evaluation == nil && line.step == history.end + 1 && line.step <= totalSteps {
            guard history.canAdd else { return }
            history.add(loss: line.loss, samples: line.samples)
        }
    }
}
