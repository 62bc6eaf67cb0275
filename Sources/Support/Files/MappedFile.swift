import Foundation

/// A whole file, mapped to memory, read only. Its pages are read when touched, and cost no memory that the system
/// cannot have back.
///
/// The length is that at the time of opening. Who cuts the file short while it is mapped ends the process with SIGBUS:
/// model files are replaced as a whole, never rewritten in place.
public final class MappedFile: Sendable {
    /// Where it is.
    public let path: String
    /// Its length in bytes.
    public let count: Int
    // Read-only memory that lives as long as this object.
    private nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    /// Opens and maps a regular file.
    public init(path: String) throws(FileError) {
        self.path = path
        // Not to wait for a writer if it is a pipe.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(path, doing: "open it") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path, doing: "read its size") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(path, "not a regular file")
        }
        count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw .system(path, doing: "map it to memory")
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), count) }
    }

    /// Calls `body` with the bytes, which stay mapped meanwhile.
    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }
}
