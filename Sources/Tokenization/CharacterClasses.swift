/// Properties of code points that normalizers and patterns ask for, in one table that is made once.
struct CharacterClasses: Sendable {
    /// Bits of an entry of `flags`.
    enum Flag {
        static let letter: UInt16 = 1 << 0
        static let number: UInt16 = 1 << 1
        static let space: UInt16 = 1 << 2
        /// Belongs to the grapheme cluster before it.
        static let extending: UInt16 = 1 << 3
        /// Begins a grapheme cluster with what follows.
        static let prepending: UInt16 = 1 << 4
        /// A grapheme cluster of its own.
        static let breaking: UInt16 = 1 << 5
        static let pictograph: UInt16 = 1 << 6
        /// What `StripAccents` removes.
        static let mark: UInt16 = 1 << 7
        /// Neither letter, number nor space.
        static let word: UInt16 = letter | number | space
    }

    static let shared = CharacterClasses()

    /// By code point.
    let flags: [UInt16]

    private init() {
        var flags = [UInt16](repeating: 0, count: 0x110000)
        for (table, flag) in [
            (TextTables.letters, Flag.letter), (TextTables.numbers, Flag.number), (TextTables.spaces, Flag.space),
            (TextTables.extending, Flag.extending), (TextTables.prepending, Flag.prepending),
            (TextTables.breaking, Flag.breaking), (TextTables.pictographs, Flag.pictograph),
            (TextTables.combiningMarks, Flag.mark),
        ] {
            for range in UnicodeSets.ranges(table) { for c in range { flags[Int(c)] |= flag } }
        }
        self.flags = flags
    }
}

/// The white space of Unicode, as regular expressions and Rust's `is_whitespace` know it.
@inline(__always)
func isWhiteSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x09...0x0D, 0x20: true
    case 0..<0x85: false
    case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
}
