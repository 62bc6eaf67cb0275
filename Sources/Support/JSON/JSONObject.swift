/// The members of a JSON object, in their order.
///
/// Keys are compared by their bytes: a vocabulary may hold "é" as one code point and as two, which Swift's strings
/// count as equal, so that any dictionary would lose one of them.
public struct JSONObject: Sendable {
    /// A key and its value.
    public struct Member: Sendable {
        /// The key.
        public var key: String
        /// The value.
        public var value: JSONValue
        /// The line of the key, from 1; 0 for what was not read.
        public var line = 0

        /// The bytes of the key in UTF-8.
        public var keyBytes: [UInt8] { Array(key.utf8) }
    }

    /// All members.
    public private(set) var members: [Member]

    init(members: [Member]) { self.members = members }

    /// The members of a dictionary, in the order of their keys' bytes.
    public init(_ dictionary: [String: JSONValue]) {
        members = dictionary.sorted { precedesInUTF8($0.key, $1.key) }.map { Member(key: $0.key, value: $0.value) }
    }

    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }
    /// The number of members.
    public var count: Int { members.count }

    /// The value of a key; the last one where it stands there twice, as with most readers. For many look-ups see
    /// ``dictionary``.
    public subscript(key: String) -> JSONValue? {
        members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// As a dictionary: of keys that Swift's strings count as equal the last one.
    public var dictionary: [String: JSONValue] {
        Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
    }

    /// A key that stands there twice, if there is one.
    var repeatedKey: String? {
        var seen: Set<[UInt8]> = []
        seen.reserveCapacity(members.count)
        return members.first { !seen.insert($0.keyBytes).inserted }?.key
    }
}

extension JSONObject: Equatable {
    /// Whether both have the same keys with the same values, in whatever order.
    public static func == (a: JSONObject, b: JSONObject) -> Bool {
        func sorted(_ object: JSONObject) -> [Member] { object.members.sorted { precedesInUTF8($0.key, $1.key) } }
        return a.count == b.count
            && zip(sorted(a), sorted(b)).allSatisfy { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// The members of a literal, in its order.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        members = elements.map { Member(key: $0.0, value: $0.1) }
    }
}

extension JSONObject: Codable {
    /// Decodes any object.
    public init(from decoder: any Decoder) throws { self.init(try [String: JSONValue](from: decoder)) }

    /// Encodes the members.
    public func encode(to encoder: any Encoder) throws { try dictionary.encode(to: encoder) }
}
