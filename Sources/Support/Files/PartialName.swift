import Foundation

/// The names that files and folders have while they are being written: `NAME.partial-PID`, or
/// `.NAME.partial-PID-RANDOM`.
public enum PartialName {
    /// The process that writes, or wrote, a file of that name; nil if it is no such name.
    public static func writer(of name: String) -> Int32? {
        guard let match = name.wholeMatch(of: /.+\.partial-([0-9]{1,9})(-[0-9a-z]{1,13})?/), let pid = Int32(match.1)
        else { return nil }
        return pid
    }

    /// Whether `name` is left behind by a writer that is gone: another process, or one of this process's number before
    /// it. Only for who knows that this process is writing nothing there.
    public static func isLeftover(_ name: String) -> Bool {
        guard let pid = writer(of: name), pid > 0 else { return false }
        return pid == getpid() || kill(pid, 0) != 0 && errno == ESRCH
    }
}
