import Foundation

extension FileError {
    /// The error of the system call that has just failed on `path`.
    public static func system(_ path: String, doing what: String) -> FileError {
        let code = errno
        let isLimit = [EMFILE, ENFILE, EFBIG].contains(code)
        let hint = isLimit ? "; for process \(getpid()), \(ProcessLimits.hint(for: code))" : ""
        return FileError(path, "cannot \(what): \(String(cString: strerror(code)))\(hint)")
    }

    /// The same error, for the path where a file was to be instead of the temporary one that only its writer knows.
    public func moved(from temporary: String, to path: String) -> FileError {
        guard self.path.hasPrefix(temporary) else { return self }
        return FileError(path + self.path.dropFirst(temporary.count), line: line, reason)
    }
}
