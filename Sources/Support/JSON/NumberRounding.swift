/// Which double stands for a number with a point, an exponent, or too many digits for an `Int`.
public enum NumberRounding: Sendable {
    /// The nearest one (IEEE 754).
    case nearest
    /// The one that Rust's `serde_json` takes without its feature `float_roundtrip`, often not the nearest: the digits
    /// as a 64-bit integer, converted to a double, times or divided by a power of ten that is a double, too. Digits
    /// that do not fit into the integer are left out.
    case serde

    /// The double of a text that is a number as JSON has it; nil if it is too large.
    func double(_ text: String) -> Double? {
        let value =
            switch self {
            case .nearest: Double(text)
            case .serde: Self.serde(text)
            }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    private static let powersOfTen = (0...308).compactMap { Double("1e\($0)") }

    private static func serde(_ text: String) -> Double? {
        var rest = text.utf8[...]
        let isNegative = rest.first == 0x2D
        if isNegative { rest = rest.dropFirst() }
        var digits: UInt64 = 0
        var exponent = 0
        // Once a digit does not fit, no later one counts.
        var isFull = false
        var isFraction = false
        while let byte = rest.first, byte != 0x65, byte != 0x45 {
            rest = rest.dropFirst()
            guard byte != 0x2E else {
                // Digits of the fraction are tried anew.
                (isFraction, isFull) = (true, false)
                continue
            }
            let (product, overflows) = digits.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(byte &- 0x30))
            isFull = isFull || overflows || overflowsToo
            if !isFull { digits = sum }
            if isFull != isFraction { exponent += isFull ? 1 : -1 }
        }
        if !rest.isEmpty {
            let written = String(decoding: rest.dropFirst(), as: UTF8.self)
            let isSmall = written.utf8.first == 0x2D
            // An exponent that no `Int32` holds.
            guard let value = Int32(written) else { return digits == 0 || isSmall ? (isNegative ? -0.0 : 0) : nil }
            exponent += Int(value)
        }
        var value = Double(digits)
        while value != 0, exponent < -308 {
            value /= powersOfTen[308]
            exponent += 308
        }
        if value != 0 {
            guard exponent <= 308 else { return nil }
            value = exponent < 0 ? value / powersOfTen[-exponent] : value * powersOfTen[exponent]
        }
        return isNegative ? -value : value
    }
}
