import Foundation

/// A new file that is written from beginning to end and then flushed to the disk.
final class FileWriter {
    private let path: String
    private var descriptor: Int32

    /// Creates the file; there must be none of this name.
    init(path: String) throws(CheckpointError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(path, doing: "create it") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Writes all of `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        var rest = bytes
        while rest.count > 0 {
            let written = Foundation.write(descriptor, rest.baseAddress, min(rest.count, 64 << 20))
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw .system(path, doing: "write it") }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Writes all of `data`.
    func write(_ data: Data) throws(CheckpointError) {
        let result = data.withUnsafeBytes { bytes -> Result<Void, CheckpointError> in
            Result { () throws(CheckpointError) in try write(bytes) }
        }
        try result.get()
    }

    /// Flushes to the disk and closes. A full disk may show only here.
    func finish() throws(CheckpointError) {
        guard fsync(descriptor) == 0 else { throw .system(path, doing: "flush it to the disk") }
        let result = close(descriptor)
        descriptor = -1
        guard result == 0 else { throw .system(path, doing: "close it") }
    }

    /// Writes a whole file under a temporary name beside it, and renames it: readers see the old or the new one.
    static func replace(
        _ path: String, _ contents: (FileWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let temporary = temporarySibling(of: path)
        do throws(CheckpointError) {
            let writer = try FileWriter(path: temporary)
            try contents(writer)
            try writer.finish()
            guard rename(temporary, path) == 0 else { throw .system(path, doing: "put it in place") }
            try flushFolder(parentFolder(of: path))
        } catch {
            unlink(temporary)
            throw error.moved(from: temporary, to: path)
        }
    }

    /// Copies a whole file to a new one.
    static func copy(_ source: String, to path: String) throws(CheckpointError) {
        try MappedFile(path: source).withBytes { bytes throws(CheckpointError) in
            try replace(path) { writer throws(CheckpointError) in try writer.write(bytes) }
        }
    }

    /// Makes the names in a folder durable.
    static func flushFolder(_ folder: String) throws(CheckpointError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(folder, doing: "open the folder") }
        defer { close(descriptor) }
        // File systems that cannot flush a folder say EINVAL; there is nothing to wait for then.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw .system(folder, doing: "flush the folder to the disk")
        }
    }
}

/// Writes small files as a whole: readers see the old contents or the new ones, never a part.
public enum AtomicFile {
    /// Replaces the file at `path`, or makes it.
    public static func write(_ data: Data, to path: String) throws(CheckpointError) {
        try FileWriter.replace(path) { writer throws(CheckpointError) in try writer.write(data) }
    }
}
