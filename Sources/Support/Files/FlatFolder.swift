import Foundation

/// Removes folders that hold files only, as those do that Shoal writes, but for ``ownSubfolders``: any other folder
/// within it, which Shoal has not made, stays, and so does all that lies in it.
public enum FlatFolder {
    /// The names of folders that Shoal writes within others, with files only: those of the modules of
    /// sentence-transformers.
    public static let ownSubfolders = ["1_Pooling", "2_Normalize", "2_Dense", "3_Dense"]

    /// Whether a path leads to a file in the folder itself, or in one of ``ownSubfolders``.
    public static func isOwnFile(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 1 || parts.count == 2 && ownSubfolders.contains(parts[0]) else { return false }
        return parts.allSatisfy(isPlainFileName)
    }

    /// The files of a folder and of its ``ownSubfolders``, sorted, as ``isOwnFile(_:)`` takes them.
    ///
    /// - Throws: An error that names the folder.
    public static func ownFiles(in folder: String) throws(FileError) -> [String] {
        var files: [String] = []
        for name in try AtomicDirectory.names(in: folder) {
            guard isOwn(name, in: folder) else {
                files.append(name)
                continue
            }
            files += try AtomicDirectory.names(in: folder + "/" + name).map { name + "/" + $0 }
        }
        return files
    }

    /// Whether `path` is a folder itself, not a link to one.
    public static func isFolder(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// The names in a folder, "." and ".." left out; nil if it cannot be read.
    public static func names(in folder: String) -> [String]? {
        guard let handle = opendir(folder) else { return nil }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// A folder that lies in `folder`, if there is one that Shoal has not made.
    public static func subfolder(of folder: String) -> String? {
        names(in: folder)?.first { isFolder(folder + "/" + $0) && !isOwn($0, in: folder) }
    }

    /// Whether the folder `name` in `folder` is one of ``ownSubfolders``, with files only.
    private static func isOwn(_ name: String, in folder: String) -> Bool {
        let path = folder + "/" + name
        return ownSubfolders.contains(name)
            && names(in: path).map { $0.allSatisfy { !isFolder(path + "/" + $0) } } ?? false
    }

    /// Unlinks a file, or a link, or the files of a folder and then the folder. Links are not followed.
    ///
    /// - Returns: false, with the reason in `errno`, where something is left: ENOTEMPTY for a folder within.
    @discardableResult
    public static func remove(_ path: String) -> Bool {
        guard isFolder(path) else { return unlink(path) == 0 || errno == ENOENT }
        guard let names = names(in: path) else { return false }
        let folders = names.filter { isFolder(path + "/" + $0) }
        guard folders.allSatisfy({ isOwn($0, in: path) }) else {
            errno = ENOTEMPTY
            return false
        }
        for name in folders where !remove(path + "/" + name) { return false }
        for name in names where !folders.contains(name) {
            if unlink(path + "/" + name) != 0 && errno != ENOENT { return false }
        }
        return rmdir(path) == 0 || errno == ENOENT
    }
}
