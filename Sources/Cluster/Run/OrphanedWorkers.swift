import Foundation

/// The workers that a coordinator which was killed has left behind on this machine.
enum OrphanedWorkers {
    /// How many of those that `status.json` names are alive and wait for a coordinator at `endpoint`: they are looked
    /// up by their command lines, as the numbers may be those of other processes by now. A file that cannot be used has
    /// none.
    static func count(of runDirectory: String, endpoint: String) -> Int {
        guard
            let status = try? CheckedFile.read(
                RunStatus.self, runDirectory + "/status.json", limit: RunStatus.maxBytes),
            status.host == ProcessInfo.processInfo.hostName
        else { return 0 }
        return Set(status.workers.map(\.pid)).count {
            LocalProcess.isOwn($0, with: ["worker", "--coordinator", endpoint])
        }
    }
}
