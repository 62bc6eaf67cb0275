import Foundation

/// Locks that the kernel lets go of when a process ends, however it ends (flock).
enum FileLock {
    /// How an attempt ended.
    enum Outcome: Equatable {
        case taken
        /// Another process has it.
        case heldByAnother
        /// The file system has none (Lustre without -o flock, some NFS); with the system's reason.
        case unsupported(String)
    }

    /// Locks an open file or folder, without waiting.
    ///
    /// - Parameter attempt: Makes the system's call: 0, or the error's number.
    static func take(
        _ descriptor: Int32, attempt: (Int32) -> Int32 = { flock($0, LOCK_EX | LOCK_NB) == 0 ? 0 : errno }
    ) -> Outcome {
        var code = EINTR
        while code == EINTR { code = attempt(descriptor) }
        return switch code {
        case 0: .taken
        case EWOULDBLOCK: .heldByAnother
        default: .unsupported(String(cString: strerror(code)))
        }
    }
}
