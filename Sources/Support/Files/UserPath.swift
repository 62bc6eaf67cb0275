import Foundation

/// Paths as people write them. A shell expands `~` only where it stands unquoted at the beginning of a word: not in
/// YAML, not in quotes and not in `--option=~/x`.
public enum UserPath {
    /// A `~` that stands for no home folder.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        /// What was given.
        public let path: String
        /// What is wrong with it, and what to do.
        public let reason: String

        /// One line for people.
        public var description: String { "\(path.printable()): \(reason)" }
    }

    /// The path with the home folder in place of a leading `~` (the caller's) or `~name` (that of user `name`); any
    /// other path as it is.
    ///
    /// - Parameters:
    ///   - path: The path.
    ///   - home: The caller's home folder; nil takes `$HOME`, and where that is empty the user database's.
    /// - Throws: ``Problem`` where there is no such user, or no such folder is known.
    public static func expand(_ path: String, home: String? = nil) throws(Problem) -> String {
        guard path.hasPrefix("~") else { return path }
        let user = path.dropFirst().prefix { $0 != "/" }
        let rest = path.dropFirst(1 + user.count)
        guard let folder = user.isEmpty ? home ?? ownHome : self.home(of: String(user)) else {
            let missing = user.isEmpty ? "no home folder is known; set HOME" : "there is no user \(user.printable())"
            throw Problem(path: path, reason: "\(missing); for a name that begins with ~ write ./~…")
        }
        let base = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        return base == "/" && !rest.isEmpty ? String(rest) : base + rest
    }

    private static var ownHome: String? {
        let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
        guard home.isEmpty else { return home }
        return getpwuid(geteuid()).flatMap { String(validatingCString: $0.pointee.pw_dir) }
    }

    private static func home(of user: String) -> String? {
        getpwnam(user).flatMap { String(validatingCString: $0.pointee.pw_dir) }
    }
}
