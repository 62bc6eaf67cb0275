/// Reads JSON (RFC 8259) from bytes, step by step, and strictly: valid UTF-8 only, no lone surrogates, no comments.
///
/// Used for everything that comes from outside, because Foundation's decoder says nothing of keys that come twice. It
/// does not recurse itself, so deep nesting costs it nothing; `JSONValue` bounds the depth.
public struct JSONScanner {
    private let bytes: UnsafeRawBufferPointer
    /// Where it is, in bytes from 0.
    public private(set) var position = 0
    /// The line that it is in, from 1.
    public private(set) var line = 1
    /// The line of the key that ``object(_:)`` has read last.
    public private(set) var keyLine = 1

    /// A scanner at the beginning of a text, which must stay where it is.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The length of the whole text in bytes.
    public var count: Int { bytes.count }

    /// A part of the text, as it is.
    public func text(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// An error at this position.
    public func failure(_ problem: String) -> JSONError { JSONError(problem: problem, byte: position, line: line) }

    /// Steps over white space.
    public mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            // Strings have no line breaks in them.
            if byte == 0x0A { line += 1 }
            position += 1
        }
    }

    /// The next byte that is not white space, not consumed.
    public mutating func peek() -> UInt8? {
        skipSpace()
        return current
    }

    /// Consumes `character` if it is next.
    public mutating func consume(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard let byte = current, UInt32(byte) == character.value else { return false }
        position += 1
        return true
    }

    /// Consumes `character`, which must be next.
    public mutating func expect(_ character: Unicode.Scalar) throws(JSONError) {
        guard consume(character) else { throw failure("expected '\(character)'") }
    }

    /// Nothing but white space may follow.
    public mutating func expectEnd() throws(JSONError) {
        skipSpace()
        guard position == bytes.count else { throw failure("unexpected text after the end of the JSON") }
    }

    /// The members of an object: `member` is called with each key, positioned at its value, which it must consume.
    public mutating func object(
        _ member: (_ scanner: inout JSONScanner, _ key: String) throws(JSONError) -> Void
    ) throws(JSONError) {
        try expect("{")
        if consume("}") { return }
        while true {
            skipSpace()
            let line = line
            let key = try string()
            try expect(":")
            keyLine = line
            try member(&self, key)
            if consume("}") { return }
            try expect(",")
        }
    }

    /// The elements of an array: `element` must consume one value.
    public mutating func array(_ element: (_ scanner: inout JSONScanner) throws(JSONError) -> Void) throws(JSONError) {
        try expect("[")
        if consume("]") { return }
        while true {
            try element(&self)
            if consume("]") { return }
            try expect(",")
        }
    }

    /// Consumes a word, which must be next: true, false or null.
    public mutating func literal(_ text: StaticString) throws(JSONError) {
        skipSpace()
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.count,
            UnsafeRawBufferPointer(rebasing: bytes[position..<end])
                .elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        else { throw failure("expected a JSON value") }
        position = end
    }

    /// A whole number that is not negative and fits into an `Int`: no sign, point, exponent or leading zero.
    public mutating func natural() throws(JSONError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let byte = current, byte >= 0x30, byte <= 0x39 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(byte - 0x30))
            if overflow || overflow2 { throw failure("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("expected a whole number, not negative") }
        if bytes[start] == 0x30, position > start + 1 { throw failure("a number starts with a zero") }
        if let byte = current, byte == 0x2E || byte == 0x65 || byte == 0x45 { throw failure("expected a whole number") }
        return value
    }

    /// The text of a number, as the grammar of JSON has it.
    public mutating func number() throws(JSONError) -> String {
        skipSpace()
        let start = position
        if current == 0x2D { position += 1 }
        let firstDigit = position
        try digits()
        if bytes[firstDigit] == 0x30, position > firstDigit + 1 { throw failure("a number starts with a zero") }
        if current == 0x2E {
            position += 1
            try digits()
        }
        if let byte = current, byte == 0x65 || byte == 0x45 {
            position += 1
            if let sign = current, sign == 0x2B || sign == 0x2D { position += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, byte >= 0x30, byte <= 0x39 { position += 1 }
        guard position > start else { throw failure("expected a JSON value") }
    }

    /// A string, without its quotes and escapes.
    public mutating func string() throws(JSONError) -> String {
        skipSpace()
        guard current == 0x22 else { throw failure("expected a string") }
        position += 1
        var content: [UInt8] = []
        let first = position
        while let byte = current, byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
        if current == 0x22 {
            // Most strings have no escapes.
            guard let text = String(validating: bytes[first..<position], as: UTF8.self) else {
                throw failure("a string is not UTF-8")
            }
            position += 1
            return text
        }
        position = first
        while true {
            // Whole runs at once.
            let start = position
            while let byte = current, byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
            content.append(contentsOf: bytes[start..<position])
            guard let byte = current else { throw failure("a string does not end") }
            if byte < 0x20 { throw failure("a control character in a string") }
            position += 1
            if byte == 0x22 { break }
            try escape(into: &content)
        }
        guard let text = String(validating: content, as: UTF8.self) else { throw failure("a string is not UTF-8") }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw failure("a string does not end") }
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xD800, code < 0xDC00 {
                try literalByte(0x5C)
                try literalByte(UInt8(ascii: "u"))
                let low = try hexadecimal()
                guard low >= 0xDC00, low < 0xE000 else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            content.append(contentsOf: Array(String(scalar).utf8))
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func literalByte(_ byte: UInt8) throws(JSONError) {
        guard current == byte else { throw failure("half of a surrogate pair") }
        position += 1
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Hex.value(byte) else {
                throw failure("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
