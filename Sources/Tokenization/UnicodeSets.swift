/// The generated tables in the form in which normalizers need them.
struct UnicodeSets {
    var removed: [ClosedRange<UInt32>]
    var whitespace: [ClosedRange<UInt32>]
    var punctuation: [ClosedRange<UInt32>]
    var ideographs: [ClosedRange<UInt32>]
    var marks: [ClosedRange<UInt32>]
    var combiningClasses: [UInt32: UInt32]
    var decompositions: [UInt32: [UInt32]]
    var lowerCase: [UInt32: [UInt32]]

    static let shared = UnicodeSets()

    /// The first and last precomposed Hangul syllable, taken apart by arithmetic (Unicode Standard, section 3.12).
    static let hangul: ClosedRange<UInt32> = 0xAC00...0xD7A3

    private init() {
        removed = Self.ranges(UnicodeTables.removed)
        whitespace = Self.ranges(UnicodeTables.whitespace)
        punctuation = Self.ranges(UnicodeTables.punctuation)
        ideographs = Self.ranges(UnicodeTables.ideographs)
        marks = Self.ranges(UnicodeTables.marks)
        decompositions = Self.map(UnicodeTables.decompositions)
        lowerCase = Self.map(UnicodeTables.lowerCase)
        combiningClasses = [:]
        var current: UInt32 = 0
        var position: UInt32 = 0
        for word in Self.words(UnicodeTables.combiningClasses) {
            if word.first == UInt8(ascii: "=") {
                current = UInt32(Self.number(word.dropFirst()))
                position = 0
            } else {
                for c in Self.range(word, &position) { combiningClasses[c] = current }
            }
        }
    }

    func isWhitespace(_ scalar: UInt32) -> Bool { whitespace.contains { $0.contains(scalar) } }

    private static func words(_ table: StaticString) -> [ArraySlice<UInt8>] {
        table.withUTF8Buffer { Array($0).split(separator: UInt8(ascii: " ")) }
    }

    /// A base 36 number; the tables are ours, so it is well formed.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int {
        var value = 0
        for digit in digits { value = value * 36 + Int(digit) - (digit < 0x41 ? 0x30 : 0x41 - 10) }
        return value
    }

    private static func range(_ word: ArraySlice<UInt8>, _ position: inout UInt32) -> ClosedRange<UInt32> {
        let parts = word.split(separator: UInt8(ascii: "+"))
        let first = position + UInt32(number(parts[0]))
        let last = first + (parts.count > 1 ? UInt32(number(parts[1])) : 0)
        position = last + 1
        return first...last
    }

    static func ranges(_ table: StaticString) -> [ClosedRange<UInt32>] {
        var position: UInt32 = 0
        return words(table).map { range($0, &position) }
    }

    static func map(_ table: StaticString) -> [UInt32: [UInt32]] {
        var result: [UInt32: [UInt32]] = [:]
        var key = 0
        for word in words(table) {
            let parts = word.split(separator: UInt8(ascii: ":"))
            key += number(parts[0])
            result[UInt32(key)] = parts.dropFirst().map { part in
                let negative = part.first == UInt8(ascii: "-")
                return UInt32(key + (negative ? -number(part.dropFirst()) : number(part)))
            }
        }
        return result
    }
}
