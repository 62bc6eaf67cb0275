import Foundation
import Support

/// Distinguishes a full disk from other reasons why something cannot be written.
enum DiskSpace {
    /// What a program that could not write said: that the disk is full, if it is.
    static func writeError(_ path: String, said: String?) -> FileError {
        let folder = (path as NSString).deletingLastPathComponent
        let full = said?.localizedCaseInsensitiveContains("no space left") ?? false
        let left = free(folder)
        if full || left.map({ $0 < 1 << 20 }) ?? false { return fullError(folder) }
        let room = left.map { "\($0 / 1_000_000) MB are free there" } ?? "the free space there is not known"
        return FileError(
            folder,
            "cannot be written to (\(said ?? "no reason given"); \(room)): is the disk full, or a quota reached? Free some, "
                + "or set SHOAL_CACHE to a folder elsewhere")
    }

    /// The error for a disk without room.
    static func fullError(_ folder: String, needed: Int? = nil) -> FileError {
        let need = needed.map { "; \(($0 + 999_999) / 1_000_000) MB are needed" } ?? ""
        return FileError(
            folder, "no space left on this disk\(need): free some, or set SHOAL_CACHE to a folder on another one")
    }

    /// Whether a program that failed could not write: exit code 23 of curl, 50 of unzip, and what the system calls it.
    static func isWriteError(tool: String, code: Int32, said: String) -> Bool {
        if tool == "curl", code == 23 { return true }
        if tool == "unzip", code == 50 { return true }
        let said = said.lowercased()
        return ["no space left", "disk full", "quota exceeded"].contains { said.contains($0) }
    }

    /// The bytes that are free for this user where `folder` is, or will be; nil if that cannot be found out.
    static func free(_ folder: String) -> Int? {
        var status = statvfs()
        var path = folder
        while statvfs(path, &status) != 0 {
            let parent = (path as NSString).deletingLastPathComponent
            guard errno == ENOENT, !parent.isEmpty, parent != path else { return nil }
            path = parent
        }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? nil : Int(clamping: bytes)
    }

    /// Throws unless `bytes` are free where `folder` is.
    static func check(_ folder: String, bytes: Int) throws(FileError) {
        if let left = free(folder), left < bytes { throw fullError(folder, needed: bytes) }
    }
}
