/// What can be wrong with a data file, or with fetching one: names the file, the line if there is one, and what to do.
public struct CorpusError: Error, CustomStringConvertible, Equatable {
    /// The file, folder or catalogue entry.
    public var path: String
    /// The line, from 1, as an editor counts them.
    public var line: Int?
    /// What is wrong, and what to do.
    public var reason: String

    init(_ path: String, line: Int? = nil, _ reason: String) {
        self.path = path
        self.line = line
        self.reason = reason
    }

    /// One line, whatever is in the file's name or in what a program said.
    public var description: String {
        onOneLine(line.map { "\(path), line \($0): \(reason)" } ?? "\(path): \(reason)")
    }
}

/// A text without what could break the line that it is printed on.
func onOneLine(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: result.append("?")
        default: result.append(scalar)
        }
    }
    return String(result)
}

/// A piece of a file in a message: in quotes, on one line, not too long.
func quoted(_ text: String) -> String {
    let head = onOneLine(String(String.UnicodeScalarView(text.unicodeScalars.prefix(60))))
    return text.unicodeScalars.count > 60 ? "\"\(head)…\"" : "\"\(head)\""
}

/// Some of many names in a message: the first twenty, and how many more.
func listed(_ names: [String]) -> String {
    let head = names.prefix(20).map { quoted($0) }.joined(separator: ", ")
    return names.count > 20 ? "\(head) and \(names.count - 20) more" : head
}
