/// The words of a text, where each of them is to have a tag.
public struct TextWords: Sendable, Equatable {
    /// Where they stand: bytes of the text in UTF-8, ascending, none of them empty.
    public var ranges: [Range<Int>]
    /// The word whose semantic roles are asked for, by number; nil where none is.
    public var predicate: Int?

    /// Words at these places.
    public init(_ ranges: [Range<Int>], predicate: Int? = nil) {
        self.ranges = ranges
        self.predicate = predicate
    }

    /// The words of a text as it is written: runs of letters and digits; every sign, and every Chinese or Japanese
    /// character, is a word of its own.
    public init(of text: String) {
        var (ranges, start, offset): ([Range<Int>], Int?, Int) = ([], nil, 0)
        func end(_ ranges: inout [Range<Int>]) {
            if let begun = start { ranges.append(begun..<offset) }
            start = nil
        }
        for scalar in text.unicodeScalars {
            let width = UTF8.width(scalar)
            switch Kind(scalar) {
            case .blank: end(&ranges)
            case .part: start = start ?? offset
            case .alone:
                end(&ranges)
                ranges.append(offset..<(offset + width))
            case .mark:
                // It belongs to what is before it.
                if start == nil, let last = ranges.last, last.upperBound == offset {
                    ranges[ranges.count - 1] = last.lowerBound..<(offset + width)
                } else {
                    start = start ?? offset
                }
            }
            offset += width
        }
        end(&ranges)
        self.init(ranges)
    }

    /// Where they stand, counted in Unicode code points.
    public func codePoints(in text: String) -> [Range<Int>] {
        var (starts, offset, number): ([Int: Int], Int, Int) = ([:], 0, 0)
        for scalar in text.unicodeScalars {
            starts[offset] = number
            offset += UTF8.width(scalar)
            number += 1
        }
        starts[offset] = number
        return ranges.map { (starts[$0.lowerBound] ?? 0)..<(starts[$0.upperBound] ?? number) }
    }

    /// Words one after the other as a text: with a blank between two, unless both stand for Chinese or Japanese, or
    /// `isJoined` says that there is none.
    static func joining(_ words: [String], isJoined: (Int) -> Bool = { _ in false }) -> (text: String, [Range<Int>]) {
        var (text, ranges): (String, [Range<Int>]) = ("", [])
        var length = 0
        for (index, word) in words.enumerated() {
            if index > 0, !isJoined(index - 1), !(isDense(words[index - 1]) && isDense(word)) {
                text += " "
                length += 1
            }
            let width = word.utf8.count
            ranges.append(length..<(length + width))
            text += word
            length += width
        }
        return (text, ranges)
    }

    /// Whether all of it is in a writing without blanks.
    private static func isDense(_ word: String) -> Bool { word.unicodeScalars.allSatisfy(Kind.isDense) }

    private enum Kind {
        case blank, part, alone, mark

        init(_ scalar: Unicode.Scalar) {
            if scalar.value < 128 {
                switch scalar.value {
                case 48...57, 65...90, 97...122: self = .part
                case 0...32, 127: self = .blank
                default: self = .alone
                }
                return
            }
            let properties = scalar.properties
            switch properties.generalCategory {
            case _ where properties.isWhitespace: self = .blank
            case .nonspacingMark, .enclosingMark, .spacingMark, .format, .modifierSymbol: self = .mark
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber:
                self = Self.isDense(scalar) ? .alone : .part
            default: self = .alone
            }
        }

        /// Chinese and Japanese characters and their signs.
        static func isDense(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x2E80...0x2FDF, 0x3000...0x30FF, 0x31F0...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0xFF00...0xFFEF,
                0x20000...0x3FFFF:
                true
            default: false
            }
        }
    }
}
