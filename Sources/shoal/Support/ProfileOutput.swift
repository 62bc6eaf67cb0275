import Benchmarks
import Foundation

/// What `--profile` leaves: the workers' files, put together.
enum ProfileOutput {
    /// The folder that the workers write to.
    static func folder(run: String) -> String { "\(run)/profile" }

    /// Writes `RUN/profile.json` and shows where the time went.
    static func show(run: String) throws {
        let report = try ProfileReport(folder: folder(run: run))
        let path = "\(run)/profile.json"
        try report.trace.write(to: URL(fileURLWithPath: path), options: .atomic)
        try StandardOutput.line(report.table.text)
        StandardError.write("\(path) opens in https://ui.perfetto.dev")
    }
}
