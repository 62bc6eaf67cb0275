import Foundation

/// Removes folders that hold files only, as all do that Shoal writes: a folder within it, which Shoal has not made,
/// stays, and so does all that lies in it.
public enum FlatFolder {
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

    /// A folder that lies in `folder`, if there is one.
    public static func subfolder(of folder: String) -> String? {
        names(in: folder)?.first { isFolder(folder + "/" + $0) }
    }

    /// Unlinks a file, or a link, or the files of a folder and then the folder. Links are not followed.
    ///
    /// - Returns: false, with the reason in `errno`, where something is left: ENOTEMPTY for a folder within.
    @discardableResult
    public static func remove(_ path: String) -> Bool {
        guard isFolder(path) else { return unlink(path) == 0 || errno == ENOENT }
        guard let names = names(in: path) else { return false }
        guard !names.contains(where: { isFolder(path + "/" + $0) }) else {
            errno = ENOTEMPTY
            return false
        }
        for name in names where unlink(path + "/" + name) != 0 && errno != ENOENT { return false }
        return rmdir(path) == 0 || errno == ENOENT
    }
}
