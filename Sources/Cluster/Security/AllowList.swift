import Collectives
import Foundation
import Logging
import Synchronization

/// The keys of the workers that a coordinator lets in: a file that is read again when it changes, so that a key can be
/// added or taken back while a run is under way.
///
/// A line is a public key and a name: `3f…9a server-1`.
final class AllowList: Sendable {
    private struct State {
        /// Who is let in.
        var names: [CurvePublicKey: String]
        /// Of the last list that could be read, by the keys' digits: workers in it may stay.
        var members: [String: String]
        var stamp: Stamp?
    }
    private struct Stamp: Equatable {
        var seconds: Int
        var nanoseconds: Int
        var size: Int64
        var inode: UInt64
    }

    let path: String
    private let state: Mutex<State>
    private let logger: Logger

    /// Reads the file at `path`. It is logged when a changed file cannot be read: no further worker is let in then.
    init(path: String, logger: Logger) throws(RunError) {
        self.path = path
        self.logger = logger
        let stamp = Self.stamp(path)
        let names = try Self.read(path)
        state = Mutex(State(names: names, members: Self.members(names), stamp: stamp))
    }

    /// The name of the key's owner; nil if it is not allowed.
    func name(_ key: CurvePublicKey) -> String? {
        refresh()
        return state.withLock { $0.names[key] }
    }

    /// Whether the owner of a key, in hexadecimal digits, who is in already may stay: while the file cannot be read,
    /// those of the last one that could.
    func keeps(_ digits: String) -> Bool { state.withLock { $0.members[digits] != nil } }

    /// Reads the file again if it has changed.
    func refresh() {
        let problem: String? = state.withLock { state in
            let stamp = Self.stamp(path)
            guard stamp != state.stamp else { return nil }
            state.stamp = stamp
            do {
                state.names = try Self.read(path)
                state.members = Self.members(state.names)
                return nil
            } catch {
                state.names = [:]
                return "\(error): no further worker is let in until that is mended"
            }
        }
        if let problem { logger.notice("\(problem)") }
    }

    private static func members(_ names: [CurvePublicKey: String]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0.key.description, $0.value) })
    }

    private static func stamp(_ path: String) -> Stamp? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return Stamp(
            seconds: info.st_mtim.tv_sec, nanoseconds: info.st_mtim.tv_nsec, size: Int64(info.st_size),
            inode: UInt64(info.st_ino))
    }

    /// The keys of a file with their names.
    static func read(_ path: String) throws(RunError) -> [CurvePublicKey: String] {
        var names: [CurvePublicKey: String] = [:]
        for (number, line) in try KeyFile.lines(path) {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard let key = CurvePublicKey(hexadecimal: parts[0]) else {
                throw .failed("\(path), line \(number): expected a key of 64 hexadecimal digits and a name")
            }
            names[key] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : "worker"
        }
        return names
    }
}
