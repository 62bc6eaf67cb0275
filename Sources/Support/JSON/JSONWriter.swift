/// Writes JSON text to a buffer of bytes: much faster than by `JSONEncoder`, and with keys in a given order.
public struct JSONWriter {
    /// What is written so far.
    public private(set) var bytes: [UInt8] = []

    /// Nothing is written yet.
    public init() {}

    /// A string in quotes.
    public static func bytes(of text: String) -> ArraySlice<UInt8> {
        var writer = JSONWriter()
        writer.string(text)
        return writer.bytes[...]
    }

    /// Adds JSON as it is.
    public mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Adds JSON that was made before.
    public mutating func raw(_ other: ArraySlice<UInt8>) { bytes.append(contentsOf: other) }

    /// Adds JSON that was made before.
    public mutating func raw(_ other: String.UTF8View) { bytes.append(contentsOf: other) }

    /// Adds a line feed.
    public mutating func newline() { bytes.append(UInt8(ascii: "\n")) }

    /// Adds a string in quotes. All of Unicode stays as it is, except what RFC 8259 wants escaped, in the same form as
    /// by serde_json, which safetensors uses.
    public mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            for byte in utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    bytes.append(UInt8(ascii: "\\"))
                    bytes.append(byte)
                case 0..<0x20: control(byte)
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a whole number.
    public mutating func integer(_ value: Int32) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let first = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[first...].reverse()
    }

    /// Adds a number in the fewest digits that make a Float again; JSON knows no NaN, which becomes null.
    public mutating func number(_ value: Float) {
        bytes.append(contentsOf: value.isFinite ? value.description.utf8 : "null".utf8)
    }

    private mutating func control(_ byte: UInt8) {
        switch byte {
        case 0x08: raw("\\b")
        case 0x09: raw("\\t")
        case 0x0A: raw("\\n")
        case 0x0C: raw("\\f")
        case 0x0D: raw("\\r")
        default:
            raw("\\u00")
            bytes.append(contentsOf: Hex.encode(CollectionOfOne(byte)).utf8)
        }
    }
}
