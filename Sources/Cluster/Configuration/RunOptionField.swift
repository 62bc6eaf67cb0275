import Yams

/// One option: its key in YAML, and how it is read, written and merged.
struct RunOptionField: Sendable {
    let key: String
    /// Reads the value of a YAML node; an error's text follows the key.
    let read: @Sendable (inout RunOptions, Node) throws(RunOptionProblem) -> Void
    /// The value as a YAML node; nil where it is not given.
    let write: @Sendable (RunOptions) -> Node?
    /// Copies the value from the second to the first, if it is given.
    let overlay: @Sendable (inout RunOptions, RunOptions) -> Void
    /// Makes it one that is not given.
    let clear: @Sendable (inout RunOptions) -> Void

    init<T: RunOptionValue>(_ key: String, _ path: WritableKeyPath<RunOptions, T?> & Sendable) {
        self.key = key
        read = { options, node throws(RunOptionProblem) in
            if node.null != nil, node.tag == Tag(.null) {
                options[keyPath: path] = nil
                return
            }
            guard let value = T(node: node) else { throw RunOptionProblem(need: T.need) }
            options[keyPath: path] = value
        }
        write = { options in options[keyPath: path]?.node }
        clear = { options in options[keyPath: path] = nil }
        overlay = { target, source in
            if let value = source[keyPath: path] { target[keyPath: path] = value }
        }
    }
}

/// A value of the wrong kind.
struct RunOptionProblem: Error {
    /// What it must be.
    var need: String
}

/// A type that options have.
protocol RunOptionValue: Sendable {
    static var need: String { get }
    init?(node: Node)
    var node: Node { get }
}

extension String: RunOptionValue {
    static var need: String { "a text" }
    init?(node: Node) {
        guard let scalar = node.scalar else { return nil }
        self = scalar.string
    }
    var node: Node { Node(self, Tag(.str), Self.looksPlain(self) ? .any : .doubleQuoted) }

    /// Whether it can stand in YAML without quotes and still be read back as itself by anybody.
    private static func looksPlain(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first == "/" || first == "." else { return Double(text) != nil }
        return !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
    }
}

extension Int: RunOptionValue {
    static var need: String { "a whole number" }
    init?(node: Node) {
        guard let text = node.scalar?.string, let value = Int(text) else { return nil }
        self = value
    }
    var node: Node { Node("\(self)", Tag(.int)) }
}

extension UInt64: RunOptionValue {
    static var need: String { "a whole number of at least 0" }
    init?(node: Node) {
        guard let text = node.scalar?.string, let value = UInt64(text) else { return nil }
        self = value
    }
    var node: Node { Node("\(self)", Tag(.int)) }
}

extension Double: RunOptionValue {
    static var need: String { "a number" }
    init?(node: Node) {
        guard let text = node.scalar?.string, let value = Double(text), value.isFinite else { return nil }
        self = value
    }
    var node: Node { Node("\(self)", Tag(.float)) }
}

extension Bool: RunOptionValue {
    static var need: String { "true or false" }
    init?(node: Node) {
        switch node.scalar?.string {
        case "true": self = true
        case "false": self = false
        default: return nil
        }
    }
    var node: Node { Node(self ? "true" : "false", Tag(.bool)) }
}
