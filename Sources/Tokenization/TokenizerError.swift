import Support

/// Why a tokenizer could not be loaded, on one line: the file, the place in it, and what to do.
public struct TokenizerError: Error, CustomStringConvertible, Sendable, Equatable {
    /// The file or folder at fault.
    public let path: String
    /// The line in that file, counted from 1, where that is known.
    public let line: Int?
    /// What is wrong, and what to do about it.
    public let reason: String

    init(_ path: String, line: Int? = nil, _ reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// `path:line: reason`.
    public var description: String {
        let place = line.map { "\(path):\($0)" } ?? path
        return "\(place): \(reason)".printable(limit: 2000)
    }
}
