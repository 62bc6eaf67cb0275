/// Any JSON value: keeps what is not understood, so that it can be written back. Whole numbers stay whole and fractions
/// stay fractions.
public enum JSONValue: Sendable, Equatable {
    /// Nothing.
    case null
    /// true or false.
    case bool(Bool)
    /// A number without point and exponent that fits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// Keys and values.
    case object(JSONObject)

    /// The value of a key of an object; nil for anything else.
    public subscript(_ key: String) -> JSONValue? { object?[key] }

    /// Whether it is null.
    public var isNull: Bool { self == .null }

    /// The text of a string; nil for anything else.
    public var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The bytes of a string in UTF-8; nil for anything else.
    public var bytes: [UInt8]? { string.map { Array($0.utf8) } }

    /// A whole number; nil for anything else.
    public var integer: Int? {
        if case .integer(let value) = self { return value }
        return nil
    }

    /// true or false; nil for anything else.
    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The elements of an array; nil for anything else.
    public var array: [JSONValue]? {
        if case .array(let values) = self { return values }
        return nil
    }

    /// An object; nil for anything else.
    public var object: JSONObject? {
        if case .object(let object) = self { return object }
        return nil
    }

    /// The members of an object; nil for anything else.
    public var members: [JSONObject.Member]? { object?.members }

    /// How a message calls the value: the value itself if it is short.
    public var summary: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): quoted(value)
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: Codable {
    /// Decodes any value.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? value.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode(JSONObject.self))
        }
    }

    /// Encodes the value.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let bool): try value.encode(bool)
        case .integer(let integer): try value.encode(integer)
        case .number(let number): try value.encode(number)
        case .string(let string): try value.encode(string)
        case .array(let array): try value.encode(array)
        case .object(let object): try value.encode(object)
        }
    }
}
