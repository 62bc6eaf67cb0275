/// What is wrong with a file or folder: names it, the line if there is one, and what to do.
public struct FileError: Error, CustomStringConvertible, Equatable {
    /// The file or folder; for what comes from elsewhere, its name.
    public var path: String
    /// The line, from 1, as an editor counts them.
    public var line: Int?
    /// What is wrong, and what to do.
    public var reason: String

    /// An error of one file.
    public init(_ path: String, line: Int? = nil, _ reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// One line, whatever is in the file's name or contents.
    public var description: String {
        (line.map { "\(path), line \($0): \(reason)" } ?? "\(path): \(reason)").printable(limit: 2000)
    }
}
