import Cluster
import Modeling
import Support

/// What is printed when a run has ended well.
public struct RunReport: Sendable {
    /// How the run ended.
    public var result: RunResult
    /// What the program is called in the command that it suggests, such as `./launch.sh`.
    public var command: String
    /// Whether headings are set off.
    public var usesColor: Bool
    /// Whether the model predicts something of a text; otherwise it is one to fine-tune.
    public var predicts: Bool

    /// A report of `result`.
    public init(result: RunResult, command: String, usesColor: Bool = false, predicts: Bool = true) {
        self.predicts = predicts
        self.result = result
        self.command = command
        self.usesColor = usesColor
    }

    /// Its lines.
    public var text: String {
        var rows: [(String, String)] = []
        if let test = result.test {
            rows += test.metrics.values.map { ($0.kind.title, Format.share($0.value)) }
            rows.append(
                (
                    "evaluation",
                    "\(Format.plural(test.metrics.examples, "test example")), "
                        + "\(Format.rate(test.examplesPerSecond)) examples/s, loss \(Format.loss(test.metrics.loss))"
                ))
        }
        // Where another process has trained, and this one did only the end, nothing was measured.
        let isMeasured = result.tokensPerSecond > 0
        let speed =
            ", \(Format.rate(result.examplesPerSecond)) examples/s, \(Format.rate(result.tokensPerSecond)) tokens/s"
        rows.append(
            (
                "training",
                "\(Format.plural(result.steps, "step")) by \(Format.plural(result.workers, "worker"))"
                    + (isMeasured ? speed : "")
            ))
        if let loss = result.trainLoss {
            rows.append(("loss", "\(Format.loss(loss)) in training, the mean of the last epoch"))
        }
        rows.append(
            (
                "time",
                Format.duration(result.wallSeconds)
                    + (isMeasured ? ", the first step began after \(Format.duration(result.secondsToFirstStep))" : "")
            ))
        rows.append(("run", result.output.printable))
        rows.append(("model", result.modelPath.printable))
        rows.append(("sha256", result.weightsSHA256))
        let width = rows.map(\.0.count).max() ?? 0
        var lines = rows.map { Style.bold.applied(to: $0.0.padded(to: width), usesColor) + "  " + $0.1 }
        if let hint = noSpans { lines += ["", hint] }
        lines += ["", predicts ? "Try a text of your own:" : "Fine-tune it:", "  \(suggestion)"]
        return lines.joined(separator: "\n")
    }

    /// What to do where no span was found; nil where one was, or spans are not what is looked for.
    private var noSpans: String? {
        guard let primary = result.test?.metrics.primary ?? result.bestValidation?.primary,
            primary.kind == SpanMetrics.f1, primary.value == 0
        else { return nil }
        return "F1 is 0: the model finds no span yet. Most words have the tag O, which a model learns first. "
            + "\(Format.plural(result.steps, "step")) at this learning rate were too few: give more --epochs, a higher "
            + "--learning-rate, or more sentences."
    }

    /// The command that tries a text of one's own, or that fine-tunes the model.
    public var suggestion: String {
        guard predicts else {
            return "\(command) train --model \(shellQuoted(result.modelPath)) --train labelled.csv --output run-2"
        }
        let start = "\(command) predict --model \(shellQuoted(result.modelPath)) --text"
        return switch result.secondText {
        case .none: "\(start) \"Type a text here\""
        case .text: "\(start) \"Type a text here\" --text-pair \"Type the second text here\""
        case .predicate: "\(start) \"She sent him a letter\" --text-pair sent"
        }
    }
}
