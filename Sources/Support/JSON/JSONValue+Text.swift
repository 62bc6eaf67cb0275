/// JSON text and back.
extension JSONValue {
    /// How deep values may nest: far more than any real file has, far less than the stack could take.
    public static let maximumDepth = 64

    /// What to do about a key that comes twice in an object.
    public enum RepeatedKeys: Sendable {
        /// Fail: whatever reads only one of the two would be wrong for some reader.
        case refused
        /// Keep both; look-ups find the last one, as most readers do.
        case kept
    }

    /// Reads one JSON text.
    ///
    /// - Parameter rounding: Which doubles stand for numbers.
    /// - Throws: An error that names the first thing that is not as RFC 8259 has it, or a key that comes twice.
    public init(
        parsing bytes: UnsafeRawBufferPointer, repeatedKeys: RepeatedKeys = .refused,
        rounding: NumberRounding = .nearest
    ) throws(JSONError) {
        var scanner = JSONScanner(bytes)
        self = try Self.read(&scanner, depth: 0, repeatedKeys, rounding)
        try scanner.expectEnd()
    }

    /// Reads the value that comes next.
    public init(
        reading scanner: inout JSONScanner, repeatedKeys: RepeatedKeys = .refused
    ) throws(JSONError) { self = try Self.read(&scanner, depth: 0, repeatedKeys, .nearest) }

    private static func read(
        _ scanner: inout JSONScanner, depth: Int, _ repeatedKeys: RepeatedKeys, _ rounding: NumberRounding
    ) throws(JSONError) -> JSONValue {
        guard depth < maximumDepth else { throw scanner.failure("nested more than \(maximumDepth) deep") }
        switch scanner.peek() {
        case nil: throw scanner.failure("it ends too early")
        case UInt8(ascii: "{"):
            var members: [JSONObject.Member] = []
            try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
                let line = scanner.keyLine
                let value = try read(&scanner, depth: depth + 1, repeatedKeys, rounding)
                members.append(JSONObject.Member(key: key, value: value, line: line))
            }
            let object = JSONObject(members: members)
            if repeatedKeys == .refused, let key = object.repeatedKey {
                throw scanner.failure("the key \(quoted(key)) comes twice in an object that ends")
            }
            return .object(object)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try scanner.array { (scanner: inout JSONScanner) throws(JSONError) in
                elements.append(try read(&scanner, depth: depth + 1, repeatedKeys, rounding))
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
            guard let value = rounding.double(text) else { throw scanner.failure("a number is too large") }
            return .number(value)
        }
    }

    /// JSON text, keys in the order of their UTF-8 bytes, two spaces a level, as `transformers` writes its files.
    public var text: String {
        var writer = JSONWriter()
        write(to: &writer, indentation: "")
        writer.newline()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func write(to writer: inout JSONWriter, indentation: String) {
        let inner = indentation + "  "
        switch self {
        case .null: writer.raw("null")
        case .bool(let value): writer.raw(value ? "true" : "false")
        case .integer(let value): writer.raw("\(value)".utf8)
        case .number(let value): writer.raw((value.isFinite ? "\(value)" : "null").utf8)
        case .string(let value): writer.string(value)
        case .array(let elements):
            writer.raw("[")
            for (i, element) in elements.enumerated() {
                writer.raw((i == 0 ? "\n\(inner)" : ",\n\(inner)").utf8)
                element.write(to: &writer, indentation: inner)
            }
            writer.raw((elements.isEmpty ? "]" : "\n\(indentation)]").utf8)
        case .object(let object):
            writer.raw("{")
            let members = object.members.sorted { precedesInUTF8($0.key, $1.key) }
            for (i, member) in members.enumerated() {
                writer.raw((i == 0 ? "\n\(inner)" : ",\n\(inner)").utf8)
                writer.string(member.key)
                writer.raw(": ")
                member.value.write(to: &writer, indentation: inner)
            }
            writer.raw((members.isEmpty ? "}" : "\n\(indentation)}").utf8)
        }
    }
}
