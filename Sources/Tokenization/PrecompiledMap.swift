/// SentencePiece's `precompiled_charsmap`: a double-array trie (Darts, as of Aoe 1989) whose values are places in a
/// text of replacements, each ended by a zero.
///
/// As in the `tokenizers` library: a grapheme cluster of fewer than 6 bytes is replaced whole by what the shortest key
/// at its beginning stands for; what has no such key, and longer clusters, go one code point at a time.
struct PrecompiledMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]
    /// Which ASCII characters are keys by themselves.
    private let isKey: [Bool]

    /// Reads a map; nil if it is cut off, damaged, or its replacements are not UTF-8.
    init?(_ blob: [UInt8]) {
        guard blob.count >= 4 else { return nil }
        func unit(_ place: Int) -> UInt32 {
            UInt32(blob[place]) | UInt32(blob[place + 1]) << 8 | UInt32(blob[place + 2]) << 16
                | UInt32(blob[place + 3]) << 24
        }
        let count = Int(unit(0)) / 4
        guard count > 0, count <= (blob.count - 4) / 4 else { return nil }
        let found = Array(blob[(4 + count * 4)...])
        guard isValidUTF8(found) else { return nil }
        let bare = PrecompiledMap(
            units: (0..<count).map { unit(4 + $0 * 4) }, replacements: found,
            isKey: Array(repeating: false, count: 128))
        guard bare.isSound else { return nil }
        let keys = (UInt8(0)..<128).map { byte in
            withUnsafePointer(to: byte) { bare.value($0, count: 1) != nil }
        }
        self.init(units: bare.units, replacements: found, isKey: keys)
    }

    private init(units: [UInt32], replacements: [UInt8], isKey: [Bool]) {
        self.units = units
        self.replacements = replacements
        self.isKey = isKey
    }

    /// Whether every value that can be found is the beginning of a code point among the replacements.
    private var isSound: Bool {
        for unit in units where unit >> 31 == 1 {
            let value = Int(unit & 0x7FFF_FFFF)
            // Other units may look like a value; none is used without a look at its bounds.
            if value < replacements.count, replacements[value] & 0xC0 == 0x80 { return false }
        }
        return true
    }

    /// What the shortest key at the start of the text stands for, as a place among the replacements.
    private func value(_ text: UnsafePointer<UInt8>, count: Int) -> Int? {
        units.withUnsafeBufferPointer { units in
            var place = Self.offset(units[0])
            for index in 0..<count {
                let byte = text[index]
                guard byte != 0 else { return nil }
                place ^= Int(byte)
                guard place < units.count else { return nil }
                let unit = units[place]
                guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
                place ^= Self.offset(unit)
                if unit >> 8 & 1 == 1 { return place < units.count ? Int(units[place] & 0x7FFF_FFFF) : nil }
            }
            return nil
        }
    }

    private static func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }

    private func append(_ place: Int, to out: ByteBuffer) {
        var index = place
        while index < replacements.count, replacements[index] != 0 {
            out.append(replacements[index])
            index += 1
        }
    }

    /// Appends the text with its replacements to `out`.
    func apply(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) {
        guard let base = text.baseAddress else { return }
        out.reserve(text.count)
        CharacterClasses.shared.flags.withUnsafeBufferPointer { flags in
            isKey.withUnsafeBufferPointer { isKey in
                var index = 0
                while index < text.count {
                    // An ASCII character before another one is a cluster, but for CR LF.
                    var end = index
                    while end < text.count, base[end] < 0x80, !isKey[Int(base[end])], base[end] != 0x0D,
                        end &+ 1 == text.count || base[end &+ 1] < 0x80
                    { end &+= 1 }
                    if end > index {
                        out.append(base + index, count: end &- index)
                        index = end
                        guard index < text.count else { return }
                    }
                    index &+= cluster(base + index, count: text.count &- index, flags, out)
                }
            }
        }
    }

    /// Handles the grapheme cluster at the start of a text; returns its length, or that of a part of it that may stand
    /// for itself.
    private func cluster(
        _ text: UnsafePointer<UInt8>, count: Int, _ flags: UnsafeBufferPointer<UInt16>, _ out: ByteBuffer
    ) -> Int {
        typealias Flag = CharacterClasses.Flag
        let (first, length) = decodeUTF8(text, count: count)
        let end = clusterEnd(text, count: count, first, length, flags)
        if end < 6, let place = value(text, count: end) {
            append(place, to: out)
            return end
        }
        var index = 0
        while index < end {
            let (_, length) = decodeUTF8(text + index, count: end - index)
            if let place = value(text + index, count: length) {
                append(place, to: out)
            } else {
                out.append(text + index, count: length)
            }
            index += length
        }
        return end
    }

    /// Where the cluster ends (UAX #29, without the rules for flags and conjuncts: their clusters have 6 bytes and
    /// more, and go one code point at a time in any case).
    private func clusterEnd(
        _ text: UnsafePointer<UInt8>, count: Int, _ first: UInt32, _ length: Int, _ flags: UnsafeBufferPointer<UInt16>
    ) -> Int {
        typealias Flag = CharacterClasses.Flag
        if first == 0x0D { return count > 1 && text[1] == 0x0A ? 2 : 1 }
        var end = length
        var last = first
        // Whether the last code point that does not extend another is a pictograph.
        var isPictograph = flags[Int(first)] & Flag.pictograph != 0
        while end < count, flags[Int(last)] & Flag.breaking == 0 {
            let (next, more) = decodeUTF8(text + end, count: count - end)
            let flag = flags[Int(next)]
            let joins =
                flag & Flag.extending != 0
                || (flags[Int(last)] & Flag.prepending != 0 && flag & Flag.breaking == 0 && next != 0x0D
                    && next != 0x0A)
                || (last == 0x200D && isPictograph && flag & Flag.pictograph != 0) || Self.joinsHangul(last, next)
            guard joins else { return end }
            if flag & Flag.extending == 0 { isPictograph = flag & Flag.pictograph != 0 }
            end += more
            last = next
        }
        return end
    }

    /// Whether two parts of Hangul syllables, or syllables, stay together.
    private static func joinsHangul(_ last: UInt32, _ next: UInt32) -> Bool {
        func isVowel(_ c: UInt32) -> Bool { (0x1160...0x11A7).contains(c) || (0xD7B0...0xD7C6).contains(c) }
        func isFinal(_ c: UInt32) -> Bool { (0x11A8...0x11FF).contains(c) || (0xD7CB...0xD7FB).contains(c) }
        guard last >= 0x1100, next >= 0x1100 else { return false }
        let isSyllable = UnicodeSets.hangul.contains(last)
        if (0x1100...0x115F).contains(last) || (0xA960...0xA97C).contains(last) {
            return (0x1100...0x11A7).contains(next) || (0xA960...0xA97C).contains(next) || isVowel(next)
                || UnicodeSets.hangul.contains(next)
        }
        if isVowel(last) || (isSyllable && (last - 0xAC00) % 28 == 0) { return isVowel(next) || isFinal(next) }
        return (isFinal(last) || isSyllable) && isFinal(next)
    }
}
