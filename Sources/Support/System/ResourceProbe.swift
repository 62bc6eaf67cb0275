import CLinux
import Foundation

/// Finds out, before anything depends on it, whether this process may have what it will need. Libraries below
/// (Dispatch, ZeroMQ) wait for ever or abort where they are refused a thread or a file.
public enum ResourceProbe {
    /// Threads of an ordinary command: those of Swift's concurrency and of Dispatch.
    public static let runtimeThreads = 4 + min(8, ProcessInfo.processInfo.activeProcessorCount)

    /// Starts `count` threads that exist at the same time, and ends them.
    ///
    /// - Parameter stackBytes: Of each; nil for what the system gives.
    /// - Throws: ``ResourceLimitError`` if one cannot be started.
    public static func threads(_ count: Int, for purpose: String, stackBytes: Int? = nil) throws(ResourceLimitError) {
        let code = shoal_probe_threads(Int32(clamping: count), stackBytes ?? 0)
        guard code == 0 else {
            throw ResourceLimitError("start the \(count) threads that \(purpose) needs", code: code)
        }
    }

    /// Opens `count` files at the same time, and closes them.
    ///
    /// - Throws: ``ResourceLimitError`` if one cannot be opened.
    public static func files(_ count: Int, for purpose: String) throws(ResourceLimitError) {
        var opened: [Int32] = []
        var code: Int32 = 0
        for _ in 0..<count {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                code = errno
                break
            }
            opened.append(descriptor)
        }
        for descriptor in opened { close(descriptor) }
        // A system without /dev/null is no matter of limits.
        guard code == EMFILE || code == ENFILE || code == ENOMEM else { return }
        throw ResourceLimitError("open the \(count) files and connections that \(purpose) needs", code: code)
    }

    /// Reserves `bytes` of memory, and gives them back.
    ///
    /// - Throws: ``ResourceLimitError`` if they cannot be had: the address space is limited, or the system has less.
    public static func memory(_ bytes: Int, for purpose: String) throws(ResourceLimitError) {
        guard bytes > 0 else { return }
        let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let raw, raw != MAP_FAILED else {
            throw ResourceLimitError("get the \(max(1, bytes >> 20)) MiB of memory that \(purpose) needs", code: errno)
        }
        munmap(raw, bytes)
    }

    /// Gives threads that libraries start stacks of at least 2 MiB where `ulimit -s` says less: Swift code needs more
    /// than the few pages that some systems allow.
    public static func ensureStacks() { shoal_ensure_default_stack(2 << 20) }
}
