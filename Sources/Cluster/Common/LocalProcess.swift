import Foundation

/// What the system knows of a process on this machine that a file names: its number may be another process's by
/// now.
enum LocalProcess {
    /// Whether `pid` is a process that was there already at `time` (seconds since 1970), and is not one that has ended.
    static func isRunning(_ pid: Int, since time: Double) -> Bool {
        guard let started = startTime(of: pid) else { return false }
        // Both clocks are coarse.
        return started <= time + 2
    }

    /// Whether `pid` is a process of this user with each of `arguments` on its command line that can run.
    static func isOwn(_ pid: Int, with arguments: [String]) -> Bool {
        var info = stat()
        guard pid > 0, pid <= Int(Int32.max), stat("/proc/\(pid)", &info) == 0, info.st_uid == geteuid(),
            let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), let state = fields(of: pid)?.first
        else { return false }
        // A process that is stopped does not answer.
        guard state != "Z", state != "X", state != "T" else { return false }
        let found = Set(line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
        return arguments.allSatisfy(found.contains)
    }

    /// The processes of this user that run a command with this word and an argument that begins so.
    static func own(_ command: String, argument prefix: String) -> [Int32] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return numbers.sorted().filter { pid in
            guard isOwn(Int(pid), with: [command]),
                let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
            else { return false }
            return line.split(separator: 0).contains { String(decoding: $0, as: UTF8.self).hasPrefix(prefix) }
        }
    }

    /// Whether there is a process of this number at all.
    static func exists(_ pid: Int) -> Bool {
        pid > 0 && pid <= Int(Int32.max) && (kill(pid_t(pid), 0) == 0 || errno == EPERM)
    }

    /// When a process was started, in seconds since 1970; nil if there is none, or only its exit code is left.
    static func startTime(of pid: Int) -> Double? {
        guard pid > 0, pid <= Int(Int32.max), let fields = fields(of: pid), fields.count > 19, fields[0] != "Z",
            fields[0] != "X", let ticks = Double(fields[19]),
            let system = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let boot = Double(line.dropFirst("btime ".count))
        else { return nil }
        return boot + ticks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The fields of /proc/PID/stat behind the name, which may hold anything: the state first.
    private static func fields(of pid: Int) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let close = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: close)...].split(separator: " ")
    }
}
