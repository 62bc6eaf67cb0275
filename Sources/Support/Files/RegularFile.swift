import Foundation

/// Reads files whose contents, and kind, come from outside: what is not a regular file (a FIFO, a device, a socket, a
/// folder) is refused before it can make anyone wait, and the size is bounded.
public enum RegularFile {
    /// Why a file cannot be used; names it.
    public struct Problem: Error, CustomStringConvertible, Equatable {
        /// The file.
        public var path: String
        /// What is wrong with it, or the system's reason.
        public var reason: String
        /// There is no such file.
        public var isMissing = false

        /// One line.
        public var description: String { "\(path.printable(limit: 400)): \(reason)" }
    }

    /// Opens a regular file for reading, without waiting; the caller closes the descriptor.
    ///
    /// - Returns: The descriptor and the size in bytes.
    /// - Throws: ``Problem`` that says what is there instead, or the system's reason.
    public static func open(_ path: String) throws(Problem) -> (descriptor: Int32, bytes: Int) {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let code = errno
            // A socket cannot be opened at all.
            guard code != ENXIO else {
                throw Problem(path: path, reason: "is a socket or a device, not a regular file")
            }
            throw Problem(
                path: path, reason: "cannot be opened: \(String(cString: strerror(code)))",
                isMissing: code == ENOENT || code == ENOTDIR)
        }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw Problem(path: path, reason: "cannot be looked at: \(reason)")
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let isFolder = info.st_mode & S_IFMT == S_IFDIR
            throw Problem(path: path, reason: isFolder ? "is a folder; give a file" : "is not a regular file")
        }
        return (descriptor, Int(info.st_size))
    }

    /// All bytes of a regular file of at most `limit` bytes.
    ///
    /// - Throws: ``Problem`` for a file that is larger, not regular, or cannot be read.
    public static func read(_ path: String, limit: Int) throws(Problem) -> Data {
        let (descriptor, bytes) = try open(path)
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard bytes <= limit else {
            throw Problem(path: path, reason: "has \(bytes) bytes, more than the \(limit) that such a file may have")
        }
        do {
            // It may grow meanwhile.
            return try handle.read(upToCount: limit) ?? Data()
        } catch {
            throw Problem(path: path, reason: "cannot be read")
        }
    }

    /// As ``read(_:limit:)``; nil if there is no such file.
    public static func readIfPresent(_ path: String, limit: Int) throws(Problem) -> Data? {
        do {
            return try read(path, limit: limit)
        } catch  where error.isMissing {
            return nil
        }
    }
}
