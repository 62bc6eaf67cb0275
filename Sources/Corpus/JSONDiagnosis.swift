import Support

/// Finds out what is wrong with a line that is no JSON object (RFC 8259), in words for people: the scanner
/// says less.
struct JSONDiagnosis {
    /// The first thing that is wrong.
    struct Problem: Equatable {
        /// Where, in characters from 1.
        var column: Int
        /// What, for people.
        var reason: String
    }

    private struct Stop: Error {
        var position: Int
        var reason: String
    }

    private static let depthLimit = 256

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// The first problem of a line of UTF-8 that ought to be one JSON object; nil if there is none.
    static func problem(in bytes: UnsafeRawBufferPointer) -> Problem? {
        var scanner = JSONDiagnosis(bytes: bytes)
        do throws(Stop) {
            try scanner.scanLine()
            return nil
        } catch {
            // Continuation bytes do not begin a character.
            let before = bytes[..<min(error.position, bytes.count)].count { $0 & 0xC0 != 0x80 }
            return Problem(column: before + 1, reason: error.reason)
        }
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func stop(_ reason: String) -> Stop { Stop(position: position, reason: reason) }

    private mutating func skipBlanks() {
        while let byte = next, byte == 32 || byte == 9 || byte == 13 || byte == 10 { position += 1 }
    }

    private mutating func scanLine() throws(Stop) {
        skipBlanks()
        guard next == UInt8(ascii: "{") else {
            throw stop(next == nil ? "the line is blank" : "an object begins with {, here is \(shown)")
        }
        try scanValue(depth: 0)
        skipBlanks()
        guard next == nil else { throw stop("text follows the object: \(shown)") }
    }

    /// The character that is next, for a message.
    private var shown: String {
        guard let next else { return "the end of the line" }
        var end = position + 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return next == 34 ? "a quote" : quoted(String(decoding: bytes[position..<end], as: UTF8.self))
    }

    private mutating func scanValue(depth: Int) throws(Stop) {
        guard depth < Self.depthLimit else { throw stop("more than \(Self.depthLimit) levels of nesting") }
        skipBlanks()
        switch next {
        case nil: throw stop("the line ends where a value is due; is it cut off?")
        case UInt8(ascii: "{"): try scanObject(depth: depth)
        case UInt8(ascii: "["): try scanArray(depth: depth)
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "'"): throw stop("texts have double quotes in JSON, not single ones")
        case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): try scanNumber()
        default: try scanWord()
        }
    }

    private mutating func scanObject(depth: Int) throws(Stop) {
        position += 1
        var keys: Set<String> = []
        skipBlanks()
        if next == UInt8(ascii: "}") { return position += 1 }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else {
                switch next {
                case nil: throw stop("the line ends within an object; is it cut off?")
                case UInt8(ascii: "}"): throw stop("a comma before }; remove it")
                case UInt8(ascii: "'"): throw stop("keys have double quotes in JSON, not single ones")
                default: throw stop("a key in double quotes is due, here is \(shown)")
                }
            }
            let start = position
            try scanString()
            guard let key = key(from: start), keys.insert(key).inserted else {
                throw Stop(position: start, reason: "a key that was there before; leave one of them")
            }
            skipBlanks()
            guard next == UInt8(ascii: ":") else { throw stop("a colon is due behind the key, here is \(shown)") }
            position += 1
            try scanValue(depth: depth + 1)
            if try scanComma(orEnd: UInt8(ascii: "}"), of: "object") { return }
        }
    }

    /// The key that has just been passed, with its escapes resolved; nil for what is none after all.
    private func key(from start: Int) -> String? {
        let literal = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
        var scanner = JSONScanner(literal)
        return try? scanner.string()
    }

    private mutating func scanArray(depth: Int) throws(Stop) {
        position += 1
        skipBlanks()
        if next == UInt8(ascii: "]") { return position += 1 }
        while true {
            skipBlanks()
            if next == UInt8(ascii: "]") { throw stop("a comma before ]; remove it") }
            try scanValue(depth: depth + 1)
            if try scanComma(orEnd: UInt8(ascii: "]"), of: "array") { return }
        }
    }

    /// Passes a comma (false) or the end (true).
    private mutating func scanComma(orEnd end: UInt8, of what: String) throws(Stop) -> Bool {
        skipBlanks()
        guard let byte = next else { throw stop("the line ends within an \(what); is it cut off?") }
        guard byte == UInt8(ascii: ",") || byte == end else {
            throw stop("a comma or the end of the \(what) is due, here is \(shown); is a quote within a text not \\\"?")
        }
        position += 1
        return byte == end
    }

    private mutating func scanString() throws(Stop) {
        let opening = position
        position += 1
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""): return position += 1
            case UInt8(ascii: "\\"): try scanEscape()
            case 0..<32:
                throw stop("a control character (\(byte)) within a text; write it as \\u00\(Hex.encode([byte]))")
            default: position += 1
            }
        }
        position = opening
        throw stop("a text begins here and never ends; is the line cut off, or a line break not written as \\n?")
    }

    private mutating func scanEscape() throws(Stop) {
        guard position + 1 < bytes.count else { throw stop("the line ends within an escape") }
        guard bytes[position + 1] == UInt8(ascii: "u") else {
            guard "\"\\/bfnrt".utf8.contains(bytes[position + 1]) else {
                throw stop("no escape of JSON; a backslash is written as \\\\")
            }
            return position += 2
        }
        let code = try codeUnit(at: position)
        switch code {
        case 0xD800..<0xDC00:
            let low =
                position + 6 + 1 < bytes.count && bytes[position + 6] == UInt8(ascii: "\\")
                    && bytes[position + 7] == UInt8(ascii: "u") ? try codeUnit(at: position + 6) : 0
            guard 0xDC00..<0xE000 ~= low else { throw loneSurrogate }
            position += 12
        case 0xDC00..<0xE000: throw loneSurrogate
        default: position += 6
        }
    }

    private var loneSurrogate: Stop {
        let escape = String(decoding: bytes[position..<min(position + 6, bytes.count)], as: UTF8.self)
        return stop("\(escape) is half a character (a lone surrogate); remove it, or write its other half too")
    }

    private func codeUnit(at start: Int) throws(Stop) -> Int {
        guard start + 6 <= bytes.count,
            let code = Int(String(decoding: bytes[start + 2..<start + 6], as: UTF8.self), radix: 16), code >= 0,
            bytes[start + 2] != UInt8(ascii: "+")
        else { throw Stop(position: start, reason: "\\u has four hexadecimal digits behind it") }
        return code
    }

    private mutating func scanNumber() throws(Stop) {
        let start = position
        func digits() -> Int {
            var end = position
            while end < bytes.count, bytes[end] >= 48, bytes[end] <= 57 { end += 1 }
            return end - position
        }
        if next == UInt8(ascii: "-") { position += 1 }
        let whole = digits()
        if whole == 0 {
            position = start
            return try scanWord()
        }
        if whole > 1, next == UInt8(ascii: "0") {
            throw stop("a number with a leading 0; write it without, or in quotes")
        }
        position += whole
        if next == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 else { throw stop("digits are due behind the point of a number") }
            position += digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { throw stop("digits are due in the exponent of a number") }
            position += digits()
        }
    }

    /// true, false or null; other words are no JSON.
    private mutating func scanWord() throws(Stop) {
        var end = position
        while end < bytes.count, !" \t\r\n,:{}[]\"".utf8.contains(bytes[end]), end - position < 40 { end += 1 }
        let word = String(decoding: bytes[position..<end], as: UTF8.self)
        switch word {
        case "true", "false", "null": position = end
        case "NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "-nan", "-NaN":
            throw stop("\(word) is no number of JSON; write null, or put it in quotes")
        case "None", "True", "False":
            throw stop("\(word) is Python's; write \(word == "None" ? "null" : word.lowercased())")
        case "": throw stop("a value is due, here is \(shown)")
        default: throw stop("\(quoted(word)) is no value of JSON; put texts in double quotes")
        }
    }
}
