import Foundation

/// Writes small files whole or not at all.
enum DurableFile {
    /// Replaces the file at `path`, or makes it; `isFlushed` makes sure that it is on the disk.
    static func write(_ data: Data, to path: String, mode: mode_t = 0o644, isFlushed: Bool = true) throws {
        let temporary = path + ".partial-\(getpid())"
        func fail(_ what: String) -> RunError {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            return .failed("cannot \(what) \(path): \(reason)")
        }
        // Never through a link that somebody has put there.
        unlink(temporary)
        let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw fail("write") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do { try handle.write(contentsOf: data) } catch { throw fail("write") }
        guard !isFlushed || fsync(descriptor) == 0 else { throw fail("write") }
        guard rename(temporary, path) == 0 else { throw fail("give its name to") }
    }
}
