extension StringProtocol {
    /// The text as it can be shown on one line of any terminal or log: control characters, line breaks, terminal
    /// escapes and characters that change the direction of text are replaced by escapes such as `\u{1B}`; of a text of
    /// more than `limit` characters, the middle is replaced by "…".
    ///
    /// For whatever comes from outside: names in files, messages of peers, values of options.
    public func printable(limit: Int = 200) -> String {
        // Bounded before it is counted by characters: a text from outside may have megabytes without a grapheme
        // boundary.
        let limit = Swift.max(limit, 8)
        let scalars = unicodeScalars
        guard
            scalars.index(scalars.startIndex, offsetBy: limit + 1, limitedBy: scalars.endIndex) != nil
        else { return Self.escaped(scalars[...]) }
        let head = scalars.prefix(limit * 2 / 3)
        let tail = scalars.suffix(limit - limit * 2 / 3 - 1)
        return Self.escaped(head[...]) + "…" + Self.escaped(tail[...])
    }

    private static func escaped(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        for scalar in scalars {
            if isHarmful(scalar) {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// Controls (C0, C1, DEL), line and paragraph separators, bidirectional embeddings, overrides and isolates (UAX
    /// #9).
    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
