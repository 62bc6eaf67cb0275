import Foundation

/// `folder/name`.
public func joinedPath(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

/// A path without slashes at its end; "/" stays.
public func withoutTrailingSlash(_ path: String) -> String {
    var path = Substring(path)
    while path.utf8.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
}

/// The folder that a path lies in: "." for a bare name.
public func parentFolder(of path: String) -> String {
    let path = withoutTrailingSlash(path)
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : withoutTrailingSlash(String(path[..<slash]))
}

/// What comes after the last slash.
public func lastComponent(of path: String) -> String {
    let path = withoutTrailingSlash(path)
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
}

/// Whether a name from outside stays in its folder.
public func isPlainFileName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
        && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
}

/// What lies at a path, links followed.
public enum PathKind {
    /// Nothing, a file of any kind, or a folder.
    case nothing, file, folder

    /// Looks at the path.
    public init(_ path: String) throws(FileError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else {
                throw .system(path, doing: "look at it")
            }
            self = .nothing
            return
        }
        self = status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
    }
}

/// A hidden name beside `path` that no other process uses, and that shows what it is if a crash leaves it behind.
public func temporarySibling(of path: String) -> String {
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    return joinedPath(parentFolder(of: path), ".\(lastComponent(of: path)).partial-\(getpid())-\(random)")
}
