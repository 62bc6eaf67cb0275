import Foundation

/// Who works in a run directory: a coordinator locks the folder as long as it lives (see ``RunDirectory``).
enum LockHolder {
    /// Whether a process, perhaps of another machine that shares the disk, holds the lock. False too where the folder
    /// cannot be opened.
    static func isLocked(_ folder: String) -> Bool {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return false }
        return errno == EWOULDBLOCK
    }

    /// The process of this machine that holds the lock; nil where there is none, or where the kernel does not show it,
    /// as it does not with processes of other users.
    static func process(of folder: String) -> Int32? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.first { holds($0, lockOf: folder) }
    }

    /// Whether a process holds the lock: it has the folder open, and the kernel lists a lock with that descriptor.
    static func holds(_ pid: Int32, lockOf folder: String) -> Bool {
        var wanted = stat()
        guard stat(folder, &wanted) == 0,
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
        else { return false }
        return descriptors.contains { descriptor in
            var info = stat()
            guard stat("/proc/\(pid)/fd/\(descriptor)", &info) == 0, info.st_mode & S_IFMT == S_IFDIR,
                info.st_dev == wanted.st_dev, info.st_ino == wanted.st_ino,
                let details = FileManager.default.contents(atPath: "/proc/\(pid)/fdinfo/\(descriptor)")
            else { return false }
            return String(decoding: details, as: UTF8.self).contains("FLOCK")
        }
    }
}
