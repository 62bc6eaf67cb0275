import Cluster
import Modeling
import Support
import Training

/// Turns the events of a run into what is shown of it. Pure: time comes from outside, and nothing is written here.
public struct ProgressRenderer {
    /// One thing to show.
    public enum Output: Equatable, Sendable {
        /// A line that stays.
        case line(String)
        /// The live line, in place of the one before.
        case live(String)
    }

    /// What lines of a log are made for.
    static let plainWidth = 80
    /// The least time between two drawings of the live line.
    static let redrawInterval = 0.1

    let traits: TerminalTraits
    let plainInterval: Double
    let command: String
    let showsWorkers: Bool
    let showsStartCommand: Bool

    private var summary: RunSummary?
    private var waiting = "waiting for workers"
    private var throughput = Throughput()
    private var remaining: RemainingTime?
    private var waitingHint = WaitingHint()
    private var divergence = DivergenceWatch(classes: 2)
    private var lastDrawn = -Double.infinity
    private var lastPlain = -Double.infinity

    /// A renderer at the start of a run.
    ///
    /// - Parameters:
    ///   - traits: Where it is shown.
    ///   - plainInterval: Seconds between two lines of progress where no live line is possible.
    ///   - command: What the program is called in commands that are suggested.
    ///   - showsWorkers: Whether there is a line for each worker that joins: for workers that are started by hand or by
    ///     a launcher.
    ///   - showsStartCommand: Whether there is then a line with the command that starts them: where that is left to
    ///     people.
    public init(
        traits: TerminalTraits, plainInterval: Double = 10, command: String = CommandName.current,
        showsWorkers: Bool = false,
        showsStartCommand: Bool = true
    ) {
        self.traits = traits
        self.plainInterval = plainInterval
        self.command = command
        self.showsWorkers = showsWorkers
        self.showsStartCommand = showsStartCommand
    }

    /// What to show for an event that came at `time` (seconds of any steady clock), on a terminal of `width` columns.
    public mutating func render(_ event: RunEvent, at time: Double, width: Int) -> [Output] {
        switch event {
        case .started(let summary):
            self.summary = summary
            divergence = DivergenceWatch(classes: summary.problem == .singleLabel ? summary.labels.count : nil)
            remaining = RemainingTime(
                totalSteps: summary.totalSteps, stepsPerEpoch: summary.stepsPerEpoch,
                validationExamples: summary.validationExamples, testExamples: summary.testExamples)
            return start(summary).map { .line($0) } + live(waiting, time, width)
        case .resuming(let checkpoint):
            // Where it really goes on is known only when its workers have come back.
            let from =
                checkpoint.map { "the newest checkpoint is \($0.printable(limit: 1000))" } ?? "there is no checkpoint"
            return [.line("resuming: \(from); looking for workers that live still")]
        case .workerLost(let text, let left):
            return [.line("\(text.printable(limit: 1000)); \(Format.plural(left, "worker")) left")]
        case .waiting(let workers, let needed):
            waiting = "waiting for workers: \(workers) of at least \(needed) are there"
            return [.line(waiting)]
        case .regrouped(let generation, let workers, let step):
            return [
                .line(
                    "going on after step \(Format.count(step)) with \(Format.plural(workers, "worker")) "
                        + "(generation \(generation))")
            ]
        case .wentBack(let from, let to):
            return [
                .line(
                    "no worker has the state after step \(Format.count(from)) any more: going back to step "
                        + "\(Format.count(to))")
            ]
        case .workerJoined(let worker, let joined, let expected):
            waiting = "waiting for workers: \(joined) of \(expected) joined"
            let line =
                "\(worker.name.printable()) joined (\(joined) of \(expected)): \(worker.cpu.printable()), "
                + "\(worker.instructionSet.printable()), \(Format.plural(worker.threads, "thread"))"
            return (showsWorkers ? [.line(line)] : [])
                + live(waiting, time, width)
        case .training:
            return live("starting", time, width)
        case .step(let step):
            let shown = render(step, at: time, width: width)
            guard let warning = divergence.add(step) else { return shown }
            return shown + render(.warning(warning), at: time, width: width)
        case .evaluating(let kind, let done, let total):
            var line = ProgressLine()
            line.add(kind == .collection ? "making embeddings" : "evaluating: \(kind.rawValue)", rank: 0)
            line.add("\(Format.count(done)) of \(Format.count(total))", rank: 1)
            remaining?.evaluating(kind, done: done, total: total)
            if done > 0 { addTimeLeft(to: &line) }
            line.done = Double(done) / Double(max(1, total))
            return progress(line, at: time, width: width, force: traits.isInteractive && done == total)
        case .evaluation(let record):
            remaining?.add(record)
            return [.line(Self.evaluation(record))]
        case .saving:
            return live("saving", time, width)
        case .checkpoint(let path):
            return [.line("checkpoint written: \(path.printable)")]
        case .workerOutput(let worker, let text):
            return [.line("\(worker.printable()): \(text.printable(limit: 1000))")]
        case .warning(let text):
            return [.line(Style.yellow.applied(to: "warning:", traits.usesColor) + " \(text.printable(limit: 1000))")]
        case .notice(let text):
            return [.line(text.printable(limit: 1000))]
        case .interrupted:
            return [.line("interrupted: the run ends after the steps under way; Ctrl-C again ends it at once")]
        case .finished:
            return waitingHint.line(summary?.communicationHints ?? []).map { [.line($0)] } ?? []
        }
    }

    /// The examples, and the texts that they are windows of.
    private static func examples(_ summary: RunSummary) -> String {
        guard let texts = summary.texts, texts != summary.examples else {
            return Format.plural(summary.examples, "example")
        }
        return "\(Format.plural(summary.examples, "window")) of \(Format.plural(texts, "example"))"
    }

    /// Of how many classes, labels or numbers the examples are.
    private static func outputs(_ summary: RunSummary) -> String {
        let count = summary.labels.count
        return switch summary.problem {
        case .regression: " with \(Format.plural(count, "number")) each"
        case .multiLabel: " of \(Format.plural(count, "label"))"
        case .singleLabel: " of \(Format.plural(count, "class", "classes"))"
        case nil: ""
        }
    }

    private func start(_ summary: RunSummary) -> [String] {
        let data =
            (summary.isResumed ? "going on training on " : "training on ")
            + "\(Self.examples(summary))\(Self.outputs(summary)): "
            + "\(Format.plural(summary.totalSteps, "step")), "
        let size = "\(Format.compact(summary.parameters)) parameters, "
        let workers = Format.plural(summary.workers, "worker")
        let isShort = (data + size + workers).columns <= Self.plainWidth
        var lines = [data + (isShort ? size : "") + workers]
        if showsWorkers, showsStartCommand {
            lines.append(
                "listening on \(summary.endpoint.printable); start \(Format.plural(summary.workers, "worker")) with:")
            let worker = "  \(command) worker --coordinator \(shellQuoted(summary.endpoint))"
            // Each has a folder there, to be copied to its machine.
            lines.append(worker + (summary.keys.map { " --keys \(shellQuoted($0 + "/workers/NAME"))" } ?? ""))
        }
        return lines
    }

    private mutating func render(_ step: StepMetrics, at time: Double, width: Int) -> [Output] {
        throughput.add(step)
        remaining?.add(step)
        waitingHint.add(step)
        let total = max(step.totalSteps, summary?.totalSteps ?? 0)
        let perEpoch = max(1, summary?.stepsPerEpoch ?? 1)
        let epochs = (total + perEpoch - 1) / perEpoch
        var line = ProgressLine()
        // The epochs of all phases are not known here.
        line.add(
            step.phase.map { "phase \($0) epoch \(step.epoch)" } ?? "epoch \(step.epoch)/\(max(epochs, step.epoch))",
            rank: 1)
        line.add("step \(Format.count(step.step))/\(Format.count(total))", rank: 0)
        line.add("loss \(Format.loss(throughput.loss))", rank: 2)
        line.add("lr \(Format.scientific(step.learningRate))", rank: 5)
        line.add("\(Format.rate(throughput.tokensPerSecond)) tokens/s", rank: 4)
        addTimeLeft(to: &line)
        line.done = Double(step.step) / Double(max(1, total))
        let isLast = step.step == total
        let mark = step.step == 1 || isLast || step.step % perEpoch == 0
        return progress(line, at: time, width: width, force: traits.isInteractive ? isLast : mark)
    }

    private func addTimeLeft(to line: inout ProgressLine) {
        guard let seconds = remaining?.seconds, seconds > 0 else { return }
        line.add("\(Format.duration(seconds)) left", rank: 3)
    }

    /// Shows a progress line if it is time for it.
    private mutating func progress(_ line: ProgressLine, at time: Double, width: Int, force: Bool) -> [Output] {
        if traits.isInteractive {
            guard force || time - lastDrawn >= Self.redrawInterval else { return [] }
            lastDrawn = time
            // A full last column makes some terminals wrap.
            return [.live(line.fitted(to: max(1, width - 1)))]
        }
        guard force || time - lastPlain >= plainInterval else { return [] }
        lastPlain = time
        return [.line(line.text(width: Self.plainWidth))]
    }

    /// Shows what goes on where nothing can be counted: on a terminal only.
    private mutating func live(_ text: String, _ time: Double, _ width: Int) -> [Output] {
        guard traits.isInteractive else { return [] }
        var line = ProgressLine()
        line.add(text, rank: 0)
        return progress(line, at: time, width: width, force: true)
    }

    /// The outcome of an evaluation on one line.
    static func evaluation(_ record: EvaluationRecord) -> String {
        let metrics = record.metrics
        // A run may end before its first epoch does.
        let when = record.epoch > 0 ? "epoch \(record.epoch)" : "step \(record.step)"
        let place = record.kind == .validation ? "\(when): validation" : "test"
        let speed = Format.rate(Double(metrics.examples) / record.seconds)
        let shown = metrics.values.filter { !$0.kind.isSecondary }
        let values = shown.map { "\($0.kind.title) \(Format.share($0.value)), " }.joined()
        let outcome = "\(place): \(values)loss \(Format.loss(metrics.loss))"
        let (count, time) = (Format.plural(metrics.examples, "example"), Format.duration(record.seconds))
        let more = [" (\(count) in \(time), \(speed) examples/s)", " (\(count) in \(time))", " (\(time))", ""]
        return outcome + (more.first { (outcome + $0).columns <= plainWidth } ?? "")
    }
}
