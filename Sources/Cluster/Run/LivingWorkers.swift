import Foundation

/// The workers that a coordinator which was killed has left behind on this machine.
enum LivingWorkers {
    /// How many of those that `status.json` names are alive and wait for a coordinator at `endpoint`.
    static func count(of runDirectory: String, endpoint: String) -> Int {
        guard let data = FileManager.default.contents(atPath: runDirectory + "/status.json"),
            let status = try? RunStatus(json: String(decoding: data, as: UTF8.self)),
            status.host == ProcessInfo.processInfo.hostName
        else { return 0 }
        return status.workers.count { worker in
            guard let line = FileManager.default.contents(atPath: "/proc/\(worker.pid)/cmdline"),
                let stat = try? String(contentsOfFile: "/proc/\(worker.pid)/stat", encoding: .utf8)
            else { return false }
            // A process that is stopped answers nobody.
            let state = stat.split(separator: ")").last?.split(separator: " ").first ?? "Z"
            return state != "Z" && state != "T" && String(decoding: line, as: UTF8.self).contains(endpoint)
        }
    }
}
