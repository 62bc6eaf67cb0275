import Foundation
import SystemPackage

/// A new file that is written from beginning to end and then flushed to the disk; and whole small files that are
/// replaced at once, so that readers see the old contents or the new ones, never a part.
public final class DurableFile {
    private let path: String
    private var descriptor: FileDescriptor?

    /// Creates the file; there must be none of this name.
    ///
    /// - Parameter mode: Its permissions, from which the process's umask takes away.
    public init(path: String, mode: mode_t = 0o644) throws(FileError) {
        self.path = path
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: FilePermissions(rawValue: mode))
        } catch { throw .failed(path, "create it", error) }
    }

    deinit { try? descriptor?.close() }

    /// Writes all of `bytes`.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        do { try descriptor?.writeAll(bytes) } catch { throw .failed(path, "write it", error) }
    }

    /// Writes all of `data`.
    public func write(_ data: Data) throws(FileError) {
        let result = data.withUnsafeBytes { bytes -> Result<Void, FileError> in
            Result { () throws(FileError) in try write(bytes) }
        }
        try result.get()
    }

    /// Flushes to the disk and closes. A full disk may show only here.
    ///
    /// - Parameter isFlushed: Whether to wait until the bytes are on the disk.
    public func finish(isFlushed: Bool = true) throws(FileError) {
        guard let descriptor else { return }
        guard !isFlushed || fsync(descriptor.rawValue) == 0 else { throw .system(path, doing: "flush it to the disk") }
        self.descriptor = nil
        do { try descriptor.close() } catch { throw .failed(path, "close it", error) }
    }

    /// Writes a whole file under a temporary name beside it, and renames it: readers see the old or the new one, also
    /// after a loss of power if `isFlushed`.
    public static func replace(
        _ path: String, mode: mode_t = 0o644, isFlushed: Bool = true,
        _ contents: (DurableFile) throws(FileError) -> Void
    ) throws(FileError) {
        let temporary = temporarySibling(of: path)
        do throws(FileError) {
            let file = try DurableFile(path: temporary, mode: mode)
            try contents(file)
            try file.finish(isFlushed: isFlushed)
            guard rename(temporary, path) == 0 else { throw .system(path, doing: "put it in place") }
            if isFlushed { try flushFolder(parentFolder(of: path)) }
        } catch {
            unlink(temporary)
            throw error.moved(from: temporary, to: path)
        }
    }

    /// Replaces the file at `path`, or makes it, with `data`; see ``replace(_:mode:isFlushed:_:)``.
    public static func write(
        _ data: Data, to path: String, mode: mode_t = 0o644, isFlushed: Bool = true
    ) throws(FileError) {
        try replace(path, mode: mode, isFlushed: isFlushed) { file throws(FileError) in try file.write(data) }
    }

    /// Copies a whole file to a new one, or over an old one.
    public static func copy(_ source: String, to path: String) throws(FileError) {
        try MappedFile(path: source).withBytes { bytes throws(FileError) in
            try replace(path) { file throws(FileError) in try file.write(bytes) }
        }
    }

    /// Makes the names in a folder durable.
    public static func flushFolder(_ folder: String) throws(FileError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(folder, doing: "open the folder") }
        defer { close(descriptor) }
        // File systems that cannot flush a folder say EINVAL; there is nothing to wait for then.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw .system(folder, doing: "flush the folder to the disk")
        }
    }
}

extension FileError {
    /// The error that swift-system threw.
    fileprivate static func failed(_ path: String, _ what: String, _ error: any Error) -> FileError {
        FileError(path, "cannot \(what): \((error as? Errno).map { "\($0)" } ?? "\(error)")")
    }
}
