import Foundation
import Support

/// What the workers of a run recorded of their time, put together.
public struct ProfileReport: Sendable {
    /// Where the time went, the largest part first.
    public let table: TextTable
    /// One Chrome trace of all workers: JSON that Perfetto and chrome://tracing open.
    public let trace: Data

    private struct Part {
        var name: String
        var seconds: Double
        var calls: Int
    }

    /// Reads `worker-*.json` in `folder`, as workers with `--profile` write them at their end.
    ///
    /// - Throws: An error that names the folder or file if there is none, or one that is no profile.
    public init(folder: String) throws {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasPrefix("worker-") && $0.hasSuffix(".json") }.sorted()
        guard !names.isEmpty else { throw FileError(folder, "no worker has written a profile") }
        var events: [Any] = []
        var parts: [String: Part] = [:]
        var (wall, threadSeconds, computing) = (0.0, 0.0, 0.0)
        for name in names {
            let path = "\(folder)/\(name)"
            let object = try JSONSerialization.jsonObject(with: try Data(contentsOf: URL(fileURLWithPath: path)))
            guard let root = object as? [String: Any], let its = root["traceEvents"] as? [Any],
                let other = root["otherData"] as? [String: Any], let recorders = other["totals"] as? [[String: Any]]
            else { throw FileError(path, "it is no profile of a worker") }
            events += its
            var (steps, micro, threads) = (0.0, 0.0, 0)
            for recorder in recorders {
                let isStep = recorder["recorder"] as? String == "step"
                if !isStep { threads += 1 }
                for span in recorder["spans"] as? [[String: Any]] ?? [] {
                    guard let name = span["name"] as? String, let seconds = span["seconds"] as? Double,
                        let calls = span["calls"] as? Int
                    else { throw FileError(path, "it is no profile of a worker") }
                    if isStep { steps += seconds }
                    // All threads are busy with micro-batches, or wait for those that are; what these do in detail
                    // follows.
                    if isStep, name == "micro-batches" {
                        micro += seconds
                        continue
                    }
                    parts[name, default: Part(name: name, seconds: 0, calls: 0)].calls += calls
                    // The other threads of a worker wait, or help, meanwhile.
                    parts[name]?.seconds += isStep ? seconds * Double(recorders.count - 1) : seconds
                    if !isStep { computing += seconds }
                }
            }
            wall += steps
            threadSeconds += steps * Double(threads)
            computing -= micro * Double(threads)
        }
        parts["waiting for other threads, and the rest"] = Part(
            name: "waiting for other threads, and the rest", seconds: max(0, -computing), calls: 0)
        var table = TextTable(columns: ["part", "calls", "seconds", "share"])
        for part in parts.values.sorted(by: { ($1.seconds, $0.name) < ($0.seconds, $1.name) }) {
            table.add([
                .text(part.name), .number(Double(part.calls), decimals: 0), .number(part.seconds, decimals: 3),
                .number(part.seconds / max(threadSeconds, 1e-12), decimals: 3),
            ])
        }
        self.table = table
        trace = try JSONSerialization.data(withJSONObject: ["traceEvents": events], options: [.sortedKeys])
    }
}
