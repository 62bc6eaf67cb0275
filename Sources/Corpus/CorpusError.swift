/// What can be wrong with a data file, or with fetching one. Names the file, the line where there is one, and what to do.
public struct CorpusError: Error, CustomStringConvertible, Equatable {
    /// The file, folder or catalogue entry.
    public var path: String
    /// The line, from 1.
    public var line: Int?
    /// What is wrong, and what to do.
    public var reason: String

    init(_ path: String, line: Int? = nil, _ reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// One line.
    public var description: String {
        line.map { "\(path), line \($0): \(reason)" } ?? "\(path): \(reason)"
    }
}
