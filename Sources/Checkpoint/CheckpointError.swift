import Foundation
import Support

/// What can be wrong with model folders and checkpoints. Each case names the file, and says what to do.
public enum CheckpointError: Error, CustomStringConvertible, Equatable {
    /// A file or folder cannot be read or written; `reason` is the system's.
    case inputOutput(path: String, reason: String)
    /// A file is not what it should be.
    case malformed(path: String, reason: String)
    /// A folder that should be new or empty is neither.
    case notEmpty(path: String)
    /// A file of a checkpoint was altered, cut off or lost after it was written.
    case damaged(path: String, reason: String)

    /// One line, whatever is in a file's name.
    public var description: String { text.printable(limit: 2000) }

    private var text: String {
        switch self {
        case .inputOutput(let path, let reason): "\(path): \(reason)"
        case .malformed(let path, let reason): "\(path): \(reason)"
        case .notEmpty(let path): "\(path): the folder is not empty; choose another one, or remove it first"
        case .damaged(let path, let reason): "\(path): damaged: \(reason)"
        }
    }

    /// The error of the system call that has just failed on `path`.
    static func system(_ path: String, doing what: String) -> CheckpointError {
        let code = errno
        return .inputOutput(path: path, reason: "cannot \(what): \(String(cString: strerror(code)))")
    }

    /// The same error, told of the place where a file was to be instead of the temporary one that nobody knows.
    func moved(from temporary: String, to path: String) -> CheckpointError {
        func real(_ found: String) -> String {
            found.hasPrefix(temporary) ? path + found.dropFirst(temporary.count) : found
        }
        return switch self {
        case .inputOutput(let found, let reason): .inputOutput(path: real(found), reason: reason)
        case .malformed(let found, let reason): .malformed(path: real(found), reason: reason)
        case .notEmpty(let found): .notEmpty(path: real(found))
        case .damaged(let found, let reason): .damaged(path: real(found), reason: reason)
        }
    }
}
