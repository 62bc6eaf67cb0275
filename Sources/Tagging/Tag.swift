/// A tag of a word, such as `B-PER`, in its parts.
public struct Tag: Sendable, Hashable {
    /// Its first character.
    public var prefix: Unicode.Scalar
    /// What follows the prefix; `_` for nothing.
    public var type: String

    /// A tag of these parts.
    public init(prefix: Unicode.Scalar, type: String) {
        self.prefix = prefix
        self.type = type
    }

    /// The tag of no entity.
    public static let outside = "O"
    /// The type of a tag that has none.
    public static let noType = "_"

    /// The parts of a tag as the default mode of `seqeval` takes it: the type is what follows the first hyphen behind
    /// the first character, or else all that follows that character.
    public init(_ text: String) {
        let scalars = text.unicodeScalars
        prefix = scalars.first ?? "O"
        let rest = scalars.dropFirst()
        let type = rest.firstIndex(of: "-").map { rest[rest.index(after: $0)...] } ?? rest
        self.type = type.isEmpty ? Self.noType : String(type)
    }

    /// The parts of a tag as the strict mode of `seqeval` takes it: the type is what follows the first character,
    /// without hyphens around it.
    public init(strict text: String) {
        prefix = text.unicodeScalars.first ?? "O"
        var rest = text.unicodeScalars.dropFirst().drop { $0 == "-" }
        while rest.last == "-" { rest.removeLast() }
        type = rest.isEmpty ? Self.noType : String(rest)
    }
}
