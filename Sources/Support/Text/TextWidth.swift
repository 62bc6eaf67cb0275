extension String {
    /// The columns that the text takes on a terminal: two for East Asian wide characters and emoji, none for combining
    /// marks. An approximation of Unicode's East Asian Width (UAX #11) by the blocks that matter.
    public var columns: Int {
        reduce(0) { sum, character in
            guard let scalar = character.unicodeScalars.first else { return sum }
            return sum + (Self.isWide(scalar.value) ? 2 : Self.takesNothing(scalar) ? 0 : 1)
        }
    }

    /// The text with blanks after it, up to `width` columns.
    public func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - columns)) }

    /// The text with blanks before it, up to `width` columns.
    public func indented(to width: Int) -> String {
        String(repeating: " ", count: Swift.max(0, width - columns)) + self
    }

    /// The text, or as much of its beginning as fits into `width` columns with "..." after it.
    public func shortened(to width: Int) -> String {
        guard columns > width else { return self }
        let ellipsis = String(repeating: ".", count: Swift.min(3, Swift.max(0, width)))
        var result = ""
        var used = ellipsis.count
        for character in self {
            used += String(character).columns
            if used > width { break }
            result.append(character)
        }
        return result + ellipsis
    }

    /// The text in lines of at most `width` columns, broken at blanks; all but the first begin with `indent` blanks.
    /// Only a word that is longer than a line makes a longer one. Several blanks in a row are kept within a line.
    public func wrapped(to width: Int, indent: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in split(separator: " ", omittingEmptySubsequences: false).map(String.init) {
            if line.isEmpty, lines.isEmpty {
                line = word
            } else if line.columns + 1 + word.columns <= width {
                line += " " + word
            } else {
                lines.append(line)
                line = String(repeating: " ", count: indent) + word
            }
        }
        return lines + [line]
    }

    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
            0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }

    private static func takesNothing(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: true
        default: false
        }
    }
}
