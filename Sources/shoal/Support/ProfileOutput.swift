import Benchmarks
import Foundation

/// What `--profile` leaves: the workers' files, put together.
enum ProfileOutput {
    /// The folder that the workers write to.
    static func folder(run: String) -> String { "\(run)/profile" }

    /// Removes what workers of a former run have left there.
    static func removeOld(run: String) {
        let folder = folder(run: run)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isProfile(name) {
            unlink("\(folder)/\(name)")
        }
        // Goes only if nothing else is in it.
        rmdir(folder)
    }

    private static func isProfile(_ name: String) -> Bool { name.hasPrefix("worker-") && name.hasSuffix(".json") }

    /// Writes `RUN/profile.json` and shows where the time went. The run is complete: that there is no profile is only
    /// said.
    static func show(run: String) {
        do {
            try write(run: run)
            removeOld(run: run)
        } catch {
            StandardError.write("warning: no profile is shown: \(error)")
        }
    }

    private static func write(run: String) throws {
        let report = try ProfileReport(folder: folder(run: run))
        let path = "\(run)/profile.json"
        try report.trace.write(to: URL(fileURLWithPath: path), options: .atomic)
        try StandardOutput.line(report.table.text)
        StandardError.write("\(path) opens in https://ui.perfetto.dev")
    }
}
