import Cluster
import Foundation
import Support

/// A run's status for people.
public struct StatusReport {
    private let status: RunStatus
    private let isAlive: Bool?

    /// - Parameters:
    ///   - status: What the coordinator said.
    ///   - isAlive: Whether it is known to live.
    public init(_ status: RunStatus, isAlive: Bool?) {
        self.status = status
        self.isAlive = isAlive
    }

    /// Several lines, without the last line feed.
    public var text: String {
        var lines = [headline]
        var facts = ["generation \(status.generation)"]
        if let loss = status.loss { facts.append("loss \(Format.loss(loss))") }
        if let rate = status.tokensPerSecond { facts.append("\(Format.rate(rate)) tokens/s") }
        facts.append("running for \(Format.duration(status.elapsedSeconds))")
        lines.append(facts.joined(separator: ", "))
        if let checkpoint = status.checkpoint { lines.append("newest checkpoint: \(checkpoint.printable)") }
        if !status.endpoint.isEmpty { lines.append("endpoint: \(status.endpoint.printable)") }
        if !status.workers.isEmpty {
            lines.append("")
            lines += Self.table(
                [["worker", "host", "pid", "state", "share", "micro-batches/s", "memory", "last heard"]]
                    + status.workers.map(Self.row))
        }
        if !status.changes.isEmpty {
            lines.append("")
            lines += status.changes.suffix(20).map { change in
                let detail = change.detail.isEmpty ? "" : ": \(change.detail.printable)"
                return "\(Self.clock(change.time))  step \(Format.count(change.step))  "
                    + "\(change.subject.printable) \(Self.word(change.kind))\(detail)"
            }
        }
        return lines.joined(separator: "\n")
    }

    private var headline: String {
        let place = "step \(Format.count(status.step)) of \(Format.count(status.totalSteps))"
        if status.phase == "ended" { return "ended at \(place)" }
        let process = "coordinator pid \(status.pid) on \(status.host.printable)"
        guard isAlive == false else { return "\(status.phase.printable(limit: 40)): \(place) (\(process))" }
        let age = Format.duration(Date().timeIntervalSince1970 - status.time)
        return "not running: the \(process) ended without a word \(age) ago, at \(place); go on with shoal resume"
    }

    private static func word(_ kind: RunStatus.Change.Kind) -> String {
        switch kind {
        case .joined: "joined"
        case .lost: "lost"
        case .generation: "began"
        }
    }

    private static func row(_ worker: RunStatus.Worker) -> [String] {
        [
            "\(worker.number)", worker.host.printable(limit: 60), "\(worker.pid)", worker.state.printable(limit: 40),
            worker.share.map { Format.share($0) } ?? "-",
            worker.speed.map { String(format: "%.2f", $0) } ?? "-",
            "\(worker.residentBytes >> 20) MB", String(format: "%.1f s ago", worker.silentSeconds),
        ]
    }

    private static func clock(_ time: Double) -> String {
        guard var seconds = time_t(exactly: time.rounded(.down)), seconds.magnitude < 1 << 40 else { return "--:--:--" }
        var parts = tm()
        localtime_r(&seconds, &parts)
        return String(format: "%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec)
    }

    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
                .replacing(/\s+$/, with: "")
        }
    }
}
