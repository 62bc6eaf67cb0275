import Yams

/// What kind of value an option takes: how it is read from a YAML file and from a command line.
public enum RunOptionKind: Sendable, Equatable {
    /// `true` or `false`; on the command line `--name` and `--no-name`.
    case flag
    /// A whole number.
    case integer
    /// A whole number of at least 0, up to 2^64 - 1.
    case unsigned
    /// A finite number.
    case number
    /// Any text.
    case text
    /// A text that begins with a number, so that one that begins with `-` is a wrong value and not another option.
    case quantity
    /// A path; `~` is the home folder.
    case path
    /// Texts: an option that may be given several times; in YAML a list of them, or one.
    case texts

    /// What a value must be, to follow "must be".
    var need: String {
        switch self {
        case .flag: "true or false"
        case .integer: "a whole number"
        case .unsigned: "a whole number of at least 0"
        case .number: "a number"
        case .text, .quantity, .path: "a text"
        case .texts: "a text, or a list of texts"
        }
    }

    /// The number 0; nil for kinds that have none.
    var zero: RunOptionValue? {
        switch self {
        case .integer: .integer(0)
        case .unsigned: .unsigned(0)
        case .number: .number(0)
        case .flag, .text, .quantity, .path, .texts: nil
        }
    }

    /// The value of a YAML node; nil where it is of another kind.
    func read(_ node: Node) -> RunOptionValue? {
        if self == .texts, let items = node.sequence {
            let texts = items.compactMap { $0.scalar?.string }
            return texts.count == items.count && !texts.isEmpty ? .texts(texts) : nil
        }
        guard let text = node.scalar?.string else { return nil }
        switch self {
        case .flag: return ["true": .flag(true), "false": .flag(false)][text]
        case .integer: return Int(text).map { .integer($0) }
        case .unsigned: return UInt64(text).map { .unsigned($0) }
        case .number: return Double(text).flatMap { $0.isFinite ? .number($0) : nil }
        case .text, .quantity, .path: return .text(text)
        case .texts: return .texts([text])
        }
    }
}

/// The value of an option as a user gives it, before it is checked.
public enum RunOptionValue: Sendable, Equatable {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    case flag(Bool), integer(Int), unsigned(UInt64), number(Double), text(String), texts([String])

    /// As error messages and help texts show it.
    var description: String {
        switch self {
        case .flag(let value): value ? "yes" : "no"
        case .integer(let value): "\(value)"
        case .unsigned(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): value
        case .texts(let values): values.joined(separator: ", ")
        }
    }

    /// Whether it is the number 0.
    var isZero: Bool { self == .integer(0) || self == .unsigned(0) || self == .number(0) }

    /// As a YAML node.
    var node: Node {
        switch self {
        case .flag(let value): Node(value ? "true" : "false", Tag(.bool))
        case .integer(let value): Node("\(value)", Tag(.int))
        case .unsigned(let value): Node("\(value)", Tag(.int))
        case .number(let value): Node("\(value)", Tag(.float))
        case .text(let value): Node(value, Tag(.str), Self.looksPlain(value) ? .any : .doubleQuoted)
        case .texts(let values): Node(values.map { Self.text($0).node }, Tag(.seq))
        }
    }

    /// Whether a text can stand in YAML without quotes and still be read back as itself by any reader.
    private static func looksPlain(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first == "/" || first == "." else { return Double(text) != nil }
        return !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
    }
}
