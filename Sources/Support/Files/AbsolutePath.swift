import Foundation

/// The path as it is from every folder: with the working folder before it if it is relative, and without `.` and
/// doubled slashes. A `..` stays: what it leads to depends on whether the folder before it is a symbolic link.
public func absolutePath(_ path: String) -> String {
    let full = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    return "/" + full.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
}
