import CLinux
import Foundation

/// A limit of this process, or of the system, that was reached.
public struct ResourceLimitError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, as an infinitive: "start the thread shoal-compute".
    public let operation: String
    /// The `errno`.
    public let code: Int32
    private let limits: String

    /// An error of `operation` with the `errno` value `code`, and the limits as they are now.
    public init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
        limits = ProcessLimits.hint(for: code)
    }

    /// One line that names the process and what to raise.
    public var description: String {
        "process \(getpid()) cannot \(operation) (\(String(cString: strerror(code))))\(limits.isEmpty ? "" : "; \(limits)")"
    }
}

/// The limits of this process that may be in the way.
public enum ProcessLimits {
    /// What to raise where a call failed with `code`: "raise one of these: ulimit -u (20 processes and threads of this
    /// user), …"; empty where the error is not one of limits.
    public static func hint(for code: Int32) -> String {
        hint(for: code, limit: limit, file: { try? String(contentsOfFile: $0, encoding: .utf8) })
    }

    static func hint(for code: Int32, limit: (Resource) -> UInt64?, file: (String) -> String?) -> String {
        var found: [String] = []
        switch code {
        case EAGAIN:
            // No thread or process: too many of them, or no memory for a stack.
            if let value = limit(.processes) { found.append("ulimit -u (\(value) processes and threads of this user)") }
            for folder in ControlGroups.folders(of: "pids", file: file) {
                guard let text = file("\(folder)/pids.max"), let value = UInt64(text.filter { !$0.isWhitespace })
                else { continue }
                found.append("pids.max of its control group (\(value) processes and threads of a container or service)")
                break
            }
            found += memory(limit)
            if found.isEmpty { found.append("kernel.threads-max and kernel.pid_max, or the memory") }
        case EMFILE:
            found.append("ulimit -n (\(limit(.files).map { "\($0)" } ?? "no") open files)")
        case EFBIG: found.append("ulimit -f (size of a file)")
        case ENFILE: found.append("fs.file-max (open files of the whole system)")
        case ENOMEM:
            found += memory(limit)
            if let value = limit(.lockedMemory), value < 1 << 16 { found.append("ulimit -l (\(value / 1024) KiB)") }
            if found.isEmpty { found.append("the memory of this machine, or use smaller batches") }
        default: return ""
        }
        return (found.count == 1 ? "raise " : "raise one of these: ") + found.joined(separator: ", ")
    }

    private static func memory(_ limit: (Resource) -> UInt64?) -> [String] {
        limit(.addressSpace).map { ["ulimit -v (\($0 / 1024) KiB of address space)"] } ?? []
    }

    enum Resource { case processes, files, addressSpace, lockedMemory }

    /// The soft limit; nil where there is none, or it does not bind this process.
    static func limit(_ resource: Resource) -> UInt64? {
        let value: UInt64 =
            switch resource {
            // Root may start as many as it likes.
            case .processes: geteuid() == 0 ? .max : shoal_process_limit()
            case .files: soft(RLIMIT_NOFILE)
            case .addressSpace: soft(RLIMIT_AS)
            case .lockedMemory: shoal_locked_memory_limit()
            }
        return value == .max ? nil : value
    }

    private static func soft(_ resource: __rlimit_resource) -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return .max }
        return UInt64(limit.rlim_cur)
    }
}
