import Foundation
import Support
import Synchronization

/// A folder for the sockets of one run, which only this user can enter; removed at the end. As long as a coordinator
/// works there, it holds a lock.
final class SocketFolder: Sendable {
    let path: String
    /// The descriptor of the locked file; negative where the file system has no locks.
    private let lock: Mutex<Int32>

    /// Room that a socket's name needs behind the folder: "/control-1234567-18446744073709551615".
    private static let nameBytes = 40
    /// What the kernel takes for the path of a socket (`sockaddr_un`), without the final zero.
    private static let maxPathBytes = 107
    private static let lockName = "lock"

    /// Makes the folder: where the system keeps such things, or under the temporary folder.
    init() throws(RunError) {
        let environment = ProcessInfo.processInfo.environment
        let candidates = [environment["XDG_RUNTIME_DIR"], environment["TMPDIR"], "/tmp"].compactMap { $0 }
        for parent in candidates where parent.hasPrefix("/") {
            let template = parent + (parent.hasSuffix("/") ? "" : "/") + "shoal-XXXXXX"
            guard template.utf8.count + Self.nameBytes <= Self.maxPathBytes else { continue }
            var bytes = Array(template.utf8CString)
            // mkdtemp makes it with mode 0700.
            if mkdtemp(&bytes) != nil {
                path = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
                lock = Mutex(Self.takeLock(path) ?? -1)
                return
            }
        }
        throw .failed(
            "cannot make a folder for sockets in \(candidates.joined(separator: " or ").printable()); set TMPDIR to a short "
                + "path that can be written to")
    }

    /// Where the control socket is.
    var endpoint: String { "ipc://\(path)/control" }

    /// The folder of a coordinator that was killed, or the same anew; nil where that cannot be had: where `endpoint`,
    /// which comes from a file, is none that ``init()`` makes, where the folder is not this user's alone, and where
    /// another coordinator works there.
    ///
    /// - Parameter endpoint: the control socket's.
    init?(endpoint: String) {
        guard let path = Self.path(of: endpoint), mkdir(path, 0o700) == 0 || Self.isOurs(path) else { return nil }
        var taken = Self.takeLock(path)
        // Orphaned workers hold it for as long as it takes them to look around.
        for _ in 0..<5 where taken == nil {
            usleep(50_000)
            _ = mkdir(path, 0o700)
            taken = Self.isOurs(path) ? Self.takeLock(path) : nil
        }
        guard let taken else { return nil }
        self.path = path
        lock = Mutex(taken)
    }

    deinit {
        remove()
        lock.withLock { if $0 >= 0 { close($0) } }
    }

    /// Removes the sockets in it, and the folder if nothing else is there.
    func remove() { Self.removeSockets(in: path) }

    /// Whether the folder and the control socket are there still: cleaners of temporary folders take what is old.
    var isThere: Bool { Self.isOurs(path) && access("\(path)/control", F_OK) == 0 }

    /// Makes the folder again after it was removed, for a socket to be bound there anew; false, with the reason in
    /// `errno`, where that cannot be.
    func makeAgain() -> Bool {
        guard mkdir(path, 0o700) == 0 || Self.isOurs(path) else { return false }
        lock.withLock { lock in
            if lock >= 0 { close(lock) }
            lock = Self.takeLock(path) ?? -1
        }
        return true
    }

    /// Removes the folder of a coordinator that does not come back, if it is such a folder and no coordinator works
    /// there.
    static func removeAbandoned(endpoint: String) {
        guard let path = path(of: endpoint), isOurs(path), let lock = takeLock(path) else { return }
        removeSockets(in: path)
        if lock >= 0 { close(lock) }
    }

    // MARK: what is ours

    /// The folder of an endpoint that ``init()`` could have made: `ipc://…/shoal-XXXXXX/control`, nothing else.
    static func path(of endpoint: String) -> String? {
        guard endpoint.hasPrefix("ipc:///"), endpoint.hasSuffix("/control") else { return nil }
        let path = String(endpoint.dropFirst("ipc://".count).dropLast("/control".count))
        let components = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard path.utf8.count + nameBytes <= maxPathBytes, !path.utf8.contains(0),
            components.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }),
            components.last?.wholeMatch(of: /shoal-[A-Za-z0-9]{6}/) != nil
        else { return nil }
        return path
    }

    /// Whether it is a folder, not a link, of this user, that no other user may enter.
    private static func isOurs(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR && info.st_mode & 0o7777 == 0o700
            && info.st_uid == geteuid()
    }

    /// Locks the folder for this process: nil if another one has it, negative where there are no locks.
    private static func takeLock(_ path: String) -> Int32? {
        let descriptor = open("\(path)/\(lockName)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return -1 }
        switch FileLock.take(descriptor) {
        case .taken: return descriptor
        case .heldByAnother:
            close(descriptor)
            return nil
        case .unsupported:
            close(descriptor)
            return -1
        }
    }

    /// Unlinks the sockets by their names, and the lock; what else is there stays, and so does the folder then.
    private static func removeSockets(in path: String) {
        guard isOurs(path), let names = FlatFolder.names(in: path) else { return }
        for name in names {
            var info = stat()
            let file = path + "/" + name
            guard lstat(file, &info) == 0 else { continue }
            let isSocket =
                info.st_mode & S_IFMT == S_IFSOCK && name.wholeMatch(of: /control(-[0-9]+)*/) != nil
            let isLock = info.st_mode & S_IFMT == S_IFREG && name == lockName && info.st_size == 0
            if isSocket || isLock { unlink(file) }
        }
        rmdir(path)
    }
}
