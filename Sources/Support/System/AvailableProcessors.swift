import CLinux
import Foundation

/// How many processors this process may use at once: those of its affinity mask (`taskset`, cpusets of containers and
/// batch systems), or fewer where a control group limits its time.
public enum AvailableProcessors {
    /// At least 1. A quota of two and a half processors counts as three, as in the runtimes of Go and Java.
    public static let count = count(mask: maskCount(), quota: quota(file: { try? text(of: $0) }))

    static func count(mask: Int?, quota: Double?) -> Int {
        let mask = max(1, mask ?? ProcessInfo.processInfo.activeProcessorCount)
        guard let quota, quota.isFinite, quota > 0, quota < Double(mask) else { return mask }
        return max(1, Int(quota.rounded(.up)))
    }

    /// The processors of the affinity mask; nil if the system does not say.
    private static func maskCount() -> Int? {
        var mask = [UInt8](repeating: 0, count: 1024)
        guard shoal_get_affinity(0, &mask, mask.count) == 0 else { return nil }
        return mask.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// The processors' worth of time that control groups grant this process: the least of its own group and those above
    /// it; nil if there is no limit.
    ///
    /// - Parameter file: The text of a file, nil if there is none.
    static func quota(file: (String) -> String?) -> Double? {
        var quotas: [Double] = []
        for folder in ControlGroups.folders(of: "cpu", file: file) {
            // Version 2: "max 100000" or "150000 100000"; version 1 has a file for each of the two.
            if let text = file("\(folder)/cpu.max") {
                let parts = text.split(whereSeparator: \.isWhitespace)
                if parts.count == 2, let time = Double(parts[0]), let period = Double(parts[1]), period > 0 {
                    quotas.append(time / period)
                }
            }
            if let time = file("\(folder)/cpu.cfs_quota_us").flatMap({ number($0) }), time > 0,
                let period = file("\(folder)/cpu.cfs_period_us").flatMap({ number($0) }), period > 0
            {
                quotas.append(time / period)
            }
        }
        return quotas.min()
    }

    private static func number(_ text: String) -> Double? {
        Double(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private static func text(of path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}

/// Where the limits of this process's control groups are (cgroups(7)).
enum ControlGroups {
    private static let root = "/sys/fs/cgroup"

    /// The folders with the files of `controller`: of this process's own group first, then of those above it.
    ///
    /// In a container the paths in `/proc/self/cgroup` may be those of the host, and only the root is mounted: folders
    /// that are not there have no files, and are passed over by readers.
    static func folders(of controller: String, file: (String) -> String?) -> [String] {
        guard let text = file("/proc/self/cgroup") else { return [] }
        var folders: [String] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2].hasPrefix("/") else { continue }
            let mounts: [String]
            if parts[1].isEmpty {
                mounts = [root, "\(root)/unified"]
            } else if parts[1].split(separator: ",").contains(Substring(controller)) {
                mounts = ["\(root)/\(parts[1])", "\(root)/\(controller)"]
            } else {
                continue
            }
            let names = parts[2].split(separator: "/").filter { $0 != ".." }
            for mount in mounts {
                for depth in stride(from: names.count, through: 0, by: -1) {
                    folders.append(([mount] + names.prefix(depth).map(String.init)).joined(separator: "/"))
                }
            }
        }
        return folders
    }
}
