import Foundation

/// A folder for the sockets of one run, which only this user can enter; removed at the end.
final class SocketFolder: Sendable {
    let path: String

    /// Room that a socket's name needs behind the folder: "/control-1234567-18446744073709551615".
    private static let nameBytes = 40
    /// What the kernel takes for the path of a socket (`sockaddr_un`), without the final zero.
    private static let maxPathBytes = 107

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
                return
            }
        }
        throw .failed(
            "cannot make a folder for sockets in \(candidates.joined(separator: " or ")); set TMPDIR to a short path "
                + "that can be written to")
    }

    /// Where the control socket is.
    var endpoint: String { "ipc://\(path)/control" }

    /// The folder of a coordinator that was killed, or the same anew; nil where that cannot be had.
    ///
    /// - Parameter endpoint: the control socket's.
    init?(endpoint: String) {
        guard endpoint.hasPrefix("ipc:///"), endpoint.hasSuffix("/control") else { return nil }
        path = String(endpoint.dropFirst("ipc://".count).dropLast("/control".count))
        var info = stat()
        // Somebody else may have taken the name meanwhile.
        guard
            mkdir(path, 0o700) == 0
                || lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
                    && info.st_mode & 0o777 == 0o700 && info.st_uid == geteuid()
        else { return nil }
    }

    deinit { remove() }

    /// Removes it with everything in it.
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
