import Support

/// A JSON value that keeps strings as the bytes they are.
///
/// Vocabularies hold keys that differ only by Unicode normalization ("é" as one code point and as two). Swift compares
/// strings by canonical equivalence, so any parser that fills a `[String: Any]` loses some of them.
enum JSONValue: Equatable {
    struct Member: Equatable {
        var key: [UInt8]
        var line: Int
        var value: JSONValue
    }

    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string([UInt8])
    case array([JSONValue])
    case object([Member])

    /// The member of an object; the last one if a key stands there twice, as in most parsers.
    subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.elementsEqual(key.utf8) }?.value
    }

    var isNull: Bool { self == .null }

    var bytes: [UInt8]? {
        if case .string(let bytes) = self { return bytes }
        return nil
    }

    var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    var integer: Int? {
        if case .integer(let value) = self { return value }
        return nil
    }

    var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    var array: [JSONValue]? {
        if case .array(let values) = self { return values }
        return nil
    }

    var members: [Member]? {
        if case .object(let members) = self { return members }
        return nil
    }
}

/// A strict JSON reader (RFC 8259) with line numbers and a limit on nesting.
struct JSONParser {
    private let path: String
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private static let deepest = 64

    static func parse(_ bytes: [UInt8], path: String) throws(FileError) -> JSONValue {
        guard isValidUTF8(bytes) else { throw FileError(path, "is not UTF-8; save it again as UTF-8 JSON") }
        var parser = JSONParser(path: path, bytes: bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.error("more text after the end of the JSON value") }
        return value
    }

    private init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    private func error(_ reason: String) -> FileError {
        FileError(path, line: line, "not valid JSON: \(reason); the file may be damaged, fetch or save it again")
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            if byte == 0x0A { line += 1 }
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, word.withUTF8Buffer({ bytes[position..<end].elementsEqual($0) }) else { return false }
        position = end
        return true
    }

    private mutating func value(depth: Int) throws(FileError) -> JSONValue {
        guard depth < Self.deepest else { throw error("nested deeper than \(Self.deepest) levels") }
        skipSpace()
        switch current {
        case nil: throw error("it ends too early")
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try stringBytes())
        case UInt8(ascii: "t") where takeWord("true"): return .bool(true)
        case UInt8(ascii: "f") where takeWord("false"): return .bool(false)
        case UInt8(ascii: "n") where takeWord("null"): return .null
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(FileError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw error("a name in double quotes was expected") }
            let keyLine = line
            let key = try stringBytes()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("':' was expected") }
            members.append(.init(key: key, line: keyLine, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("',' or '}' was expected") }
        }
    }

    private mutating func array(depth: Int) throws(FileError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw error("',' or ']' was expected") }
        }
    }

    private mutating func number() throws(FileError) -> JSONValue {
        let start = position
        while let byte = current,
            (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte)
        {
            position += 1
        }
        guard Self.isNumber(bytes[start..<position]) else { throw error("a value was expected") }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("a value was expected") }
        return .number(value)
    }

    /// Whether the bytes are a number as RFC 8259 has it: no plus sign at the front, no zeros before other digits,
    /// digits on both sides of a point.
    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        if rest.first == 0x2D { rest.removeFirst() }
        guard isDigit(rest.first) else { return false }
        let startsWithZero = rest.first == 0x30
        let whole = rest.prefix(while: isDigit)
        guard !startsWithZero || whole.count == 1 else { return false }
        rest = rest.dropFirst(whole.count)
        if rest.first == 0x2E {
            rest.removeFirst()
            guard isDigit(rest.first) else { return false }
            rest = rest.drop(while: isDigit)
        }
        if rest.first == 0x65 || rest.first == 0x45 {
            rest.removeFirst()
            if rest.first == 0x2B || rest.first == 0x2D { rest.removeFirst() }
            guard isDigit(rest.first) else { return false }
            rest = rest.drop(while: isDigit)
        }
        return rest.isEmpty
    }

    private mutating func stringBytes() throws(FileError) -> [UInt8] {
        position += 1
        var out: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return out
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw error("a control character inside a string")
            default: out.append(byte)
            }
        }
        throw error("a string without its closing quote")
    }

    private mutating func escape(into out: inout [UInt8]) throws(FileError) {
        guard let byte = current else { throw error("it ends inside an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                guard takeWord("\\u") else { throw error("half of a surrogate pair") }
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
            out.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        default: throw error("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(FileError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error("it ends inside an escape") }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw error("\\u needs four hexadecimal digits") }
        position += 4
        return code
    }
}

/// Whether the bytes are well-formed UTF-8.
func isValidUTF8(_ bytes: [UInt8]) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
}
