import Foundation
import Support

/// What `metrics.jsonl` holds of a run so far.
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
    /// What is wrong with the first line that cannot be used, if there is one before the last; it and all after it do
    /// not count.
    private(set) var damage: String?

    /// The most bytes that a log may have: that of some millions of steps.
    static let maxBytes = 2 << 30

    /// These lines.
    init(lines: [Line] = []) { self.lines = lines }

    /// Reads a file; one that is not there has no lines.
    ///
    /// - Throws: ``RunError`` that names a file that cannot be read, or is none.
    init(path: String) throws(RunError) {
        do throws(RegularFile.Problem) {
            self.init(try RegularFile.readIfPresent(path, limit: Self.maxBytes) ?? Data())
        } catch { throw .failed(error.description) }
    }

    /// Reads a file's bytes as far as they are whole: a line that was being written when the writer was killed, and all
    /// after it, do not count.
    init(_ data: Data) {
        let pieces = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        for (index, bytes) in pieces.enumerated() {
            do { lines.append(try Self.line(Data(bytes))) } catch {
                damage = "line \(index + 1) of \(pieces.count): \(error)"
                return
            }
        }
    }

    private struct Fields: Checked {
        var step: Int
        var loss: Double
        var samples: Int?
        var evaluation: String?

        func check() throws(ValueProblem) {
            try ValueProblem.check("step", step, in: 0...CheckedFile.maxCount)
            // A sum of a billion of them, each times its samples, is finite.
            try ValueProblem.check("loss", loss, in: -1e250...1e250)
            try ValueProblem.check("samples", samples ?? 0, in: 0...CheckedFile.maxCount)
        }
    }

    private static func line(_ data: Data) throws -> Line {
        let fields = try CheckedFile.decode(Fields.self, from: data)
        return Line(
            text: String(decoding: data, as: UTF8.self), step: fields.step, evaluation: fields.evaluation,
            loss: fields.loss, samples: fields.samples ?? 0)
    }

    /// The lines that belong to a run that stands at `step`, before what comes there.
    ///
    /// - Parameter isPhaseBeginning: What came there at the end of the phase before belongs to it as well.
    func upTo(_ step: Int, isPhaseBeginning: Bool = false) -> [Line] {
        lines.filter { $0.evaluation == nil || isPhaseBeginning ? $0.step <= step : $0.step < step }
    }

    /// Appends to a history what came after its end, as far as nothing is missing.
    func replay(into history: inout RunHistory) {
        for line in lines where line.evaluation == "validation" && line.step >= history.base.step {
            history.note(validationLoss: line.loss, at: line.step)
        }
        for line in lines
        where line.evaluation == nil && line.step == history.end + 1 && line.step <= history.steps.upperBound {
            guard history.canAdd else { return }
            history.add(loss: line.loss, samples: line.samples)
        }
    }
}
