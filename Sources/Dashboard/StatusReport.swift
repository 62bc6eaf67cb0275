import Cluster
import Foundation
import Support

/// A run's status for people.
public struct StatusReport {
    /// The columns that it is made for.
    private static let width = 80

    private let status: RunStatus
    private let isAlive: Bool?
    private let run: String

    /// - Parameters:
    ///   - status: What the coordinator said.
    ///   - isAlive: Whether it is known to live.
    ///   - run: The run directory, for the command that goes on with it; empty where it is not known.
    public init(_ status: RunStatus, isAlive: Bool?, run: String = "") {
        self.status = status
        self.isAlive = isAlive
        self.run = run
    }

    /// Several lines, without the last line feed; in 80 columns, but for words that are longer than that.
    public var text: String {
        var lines = headline.wrapped(to: Self.width, indent: 2)
        if let resume { lines.append("  " + resume) }
        lines += Self.lines(of: facts)
        if let all = status.parameters, let trained = status.trainedParameters, trained < all {
            lines.append(TrainedShare(all: all, trained: trained).text)
        }
        if let checkpoint = status.checkpoint {
            lines.append("newest checkpoint: \(checkpoint.printable(limit: 1000))")
        }
        if !status.endpoint.isEmpty, !isEnded { lines.append("endpoint: \(status.endpoint.printable())") }
        if !status.workers.isEmpty {
            lines.append("")
            lines += workers
        }
        if !status.changes.isEmpty {
            lines.append("")
            for change in status.changes.suffix(20) {
                let detail = change.detail.isEmpty ? "" : ": \(change.detail.printable(limit: 1000))"
                let line =
                    "\(Self.clock(change.time))  step \(Format.count(change.step))  "
                    + "\(change.subject.printable()) \(Self.word(change.kind))\(detail)"
                lines += line.wrapped(to: Self.width, indent: 10)
            }
        }
        return lines.joined(separator: "\n")
    }

    private var isEnded: Bool { status.phase == "ended" }

    private var isComplete: Bool { status.step >= status.totalSteps }

    private var headline: String {
        var place = "step \(Format.count(status.step)) of \(Format.count(status.totalSteps))"
        if let phase = status.trainingPhase, let phases = status.trainingPhases {
            place += ", phase \(Format.count(phase)) of \(Format.count(phases))"
        }
        if let epoch = status.epoch {
            place += ", epoch \(Format.count(epoch))" + (status.totalEpochs.map { " of \(Format.count($0))" } ?? "")
        }
        if isEnded { return isComplete ? "complete: ended at \(place)" : "interrupted: ended at \(place); go on with:" }
        let process = "coordinator pid \(status.pid) on \(status.host.printable())"
        guard isAlive == false else { return "\(status.phase.printable()): \(place) (\(process))" }
        let age = Format.duration(Date().timeIntervalSince1970 - status.time)
        return "not running: the \(process) ended without a word \(age) ago, at \(place); go on with:"
    }

    /// The command that goes on with a run whose coordinator is gone.
    private var resume: String? {
        guard isEnded ? !isComplete : isAlive == false else { return nil }
        return CommandName.line("resume", run.isEmpty ? "RUN" : run)
    }

    private var facts: [String] {
        var facts: [String] = []
        if let loss = status.loss { facts.append("loss \(Format.loss(loss))") }
        if let rate = status.learningRate { facts.append("learning rate \(Format.scientific(rate))") }
        if let rate = status.tokensPerSecond { facts.append("\(Format.rate(rate)) tokens/s") }
        facts.append("generation \(status.generation)")
        facts.append("\(isEnded ? "ran" : "running") for \(Format.duration(status.elapsedSeconds))")
        // What was to come when the coordinator was lost is not what is to come.
        if let left = status.secondsLeft, !isEnded, isAlive != false { facts.append("\(Format.duration(left)) left") }
        return facts
    }

    /// The facts in lines that are broken between two of them.
    private static func lines(of facts: [String]) -> [String] {
        var lines: [String] = []
        for (index, fact) in facts.enumerated() {
            let text = fact + (index < facts.count - 1 ? "," : "")
            if let last = lines.last, last.columns + 1 + text.columns <= width {
                lines[lines.count - 1] = last + " " + text
            } else {
                lines.append(lines.isEmpty ? text : "  " + text)
            }
        }
        return lines
    }

    private static func word(_ kind: RunStatus.Change.Kind) -> String {
        switch kind {
        case .joined: "joined"
        case .lost: "lost"
        case .generation: "began"
        }
    }

    /// The table of the workers; `batches/s` are the micro-batches that one computes in a second.
    private var workers: [String] {
        let head = ["worker", "host", "pid", "state", "share", "batches/s", "memory", "last heard"]
        var rows = [head] + status.workers.map(Self.row)
        let others = head.indices.filter { $0 != 1 }.map { column in rows.map { $0[column].columns }.max() ?? 0 }
        // A long host name gives way to the rest.
        let room = Self.width - others.reduce(0, +) - 2 * others.count
        for index in rows.indices { rows[index][1] = rows[index][1].shortened(to: max(8, room)) }
        var table = TextTable(columns: rows[0])
        for row in rows.dropFirst() { table.add(row.map { .text($0) }) }
        return table.lines
    }

    private static func row(_ worker: RunStatus.Worker) -> [String] {
        [
            "\(worker.number)", worker.host.printable(limit: 60), "\(worker.pid)", worker.state.printable(limit: 40),
            worker.share.map { String(format: "%.2f", $0) } ?? "-",
            worker.speed.map { String(format: "%.2f", $0) } ?? "-",
            "\(worker.residentBytes >> 20) MB", "\(Format.duration(worker.silentSeconds)) ago",
        ]
    }

    private static func clock(_ time: Double) -> String {
        guard var seconds = time_t(exactly: time.rounded(.down)), seconds.magnitude < 1 << 40 else { return "--:--:--" }
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "--:--:--" }
        return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
    }
}
