/// A head with its kind, `{"kind": …, …}`: `Codable` alone cannot know which head to decode.
public struct CodedHead: Codable, Sendable {
    /// The head.
    public var head: any Head

    /// To be written.
    public init(_ head: any Head) { self.head = head }

    /// Reads a head of a kind that the decoder's ``ModelRegistry`` knows.
    public init(from decoder: any Decoder) throws {
        head = try ModelRegistry.of(decoder).head(KindKey.read(from: decoder)).init(from: decoder)
    }

    /// Writes the head and its kind.
    public func encode(to encoder: any Encoder) throws {
        try head.encode(to: encoder)
        try KindKey.write(type(of: head).kind, to: encoder)
    }
}

/// An objective with its kind, as ``CodedHead``.
public struct CodedObjective: Codable, Sendable {
    /// The objective.
    public var objective: any Objective

    /// To be written.
    public init(_ objective: any Objective) { self.objective = objective }

    /// Reads an objective of a kind that the decoder's ``ModelRegistry`` knows.
    public init(from decoder: any Decoder) throws {
        objective = try ModelRegistry.of(decoder).objective(KindKey.read(from: decoder)).init(from: decoder)
    }

    /// Writes the objective and its kind.
    public func encode(to encoder: any Encoder) throws {
        try objective.encode(to: encoder)
        try KindKey.write(type(of: objective).kind, to: encoder)
    }
}

private enum KindKey: String, CodingKey {
    case kind

    static func read(from decoder: any Decoder) throws -> String {
        try decoder.container(keyedBy: Self.self).decode(String.self, forKey: .kind)
    }

    static func write(_ kind: String, to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Self.self)
        try values.encode(kind, forKey: .kind)
    }
}

extension ModelRegistry {
    /// Where a decoder has its registry; it is the standard one where there is none.
    public static var key: CodingUserInfoKey {
        // The initializer has no other way to fail than for reasons of Objective-C.
        CodingUserInfoKey(rawValue: "shoal.modelRegistry") ?? { preconditionFailure("a coding key of one word") }()
    }

    fileprivate static func of(_ decoder: any Decoder) -> ModelRegistry {
        decoder.userInfo[key] as? ModelRegistry ?? .standard
    }
}
