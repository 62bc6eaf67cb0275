import Foundation
import Support

/// Any JSON value: keeps what is not understood, so that it can be written back. Whole numbers stay whole and fractions
/// stay fractions.
enum JSONValue: Codable, Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
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
            self = .object(try value.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
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

    /// How a message calls a value: the value itself if it is short.
    var summary: String {
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

/// The order of UTF-8 bytes, which is that of code points. Swift's own `<` sorts by canonical equivalence.
func precedesInUTF8(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

extension JSONValue {
    /// How deep values may nest: far more than any real file has, far less than the stack could take.
    static let maximumDepth = 64

    /// Reads one JSON text. Fails on keys that come twice in an object.
    init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var scanner = JSONScanner(bytes)
        self = try Self.read(&scanner, depth: 0)
        try scanner.expectEnd()
    }

    /// Reads the value that comes next.
    init(reading scanner: inout JSONScanner) throws(JSONError) { self = try Self.read(&scanner, depth: 0) }

    private static func read(_ scanner: inout JSONScanner, depth: Int) throws(JSONError) -> JSONValue {
        guard depth < maximumDepth else { throw scanner.failure("nested more than \(maximumDepth) deep") }
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
                let value = try read(&scanner, depth: depth + 1)
                guard members.updateValue(value, forKey: key) == nil else {
                    throw scanner.failure("the key \(quoted(key)) comes twice")
                }
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try scanner.array { (scanner: inout JSONScanner) throws(JSONError) in
                elements.append(try read(&scanner, depth: depth + 1))
            }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try scanner.string())
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            return .null
        default:
            let text = try scanner.number()
            if let whole = Int(text) { return .integer(whole) }
            guard let value = Double(text), value.isFinite else { throw scanner.failure("a number is too large") }
            return .number(value)
        }
    }

    /// JSON text, keys in the order of their UTF-8 bytes, two spaces a level, as `transformers` writes its files.
    var text: String {
        var result = ""
        write(to: &result, indentation: "")
        return result + "\n"
    }

    private func write(to text: inout String, indentation: String) {
        let inner = indentation + "  "
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            text += "["
            for (i, element) in elements.enumerated() {
                text += i == 0 ? "\n\(inner)" : ",\n\(inner)"
                element.write(to: &text, indentation: inner)
            }
            text += elements.isEmpty ? "]" : "\n\(indentation)]"
        case .object(let members):
            text += "{"
            for (i, key) in members.keys.sorted(by: precedesInUTF8).enumerated() {
                text += i == 0 ? "\n\(inner)" : ",\n\(inner)"
                Self.write(key, to: &text)
                text += ": "
                members[key]?.write(to: &text, indentation: inner)
            }
            text += members.isEmpty ? "}" : "\n\(indentation)}"
        }
    }

    /// A JSON string with its quotes; what is not ASCII stays as it is, except for controls.
    static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{C}": text += "\\f"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
