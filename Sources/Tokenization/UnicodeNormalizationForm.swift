/// The normalization forms of Unicode (UAX #15), with the tables of the reference.
enum UnicodeNormalizationForm: String, Sendable, CaseIterable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    private var isCompatible: Bool { self == .nfkc || self == .nfkd }
    private var composes: Bool { self == .nfc || self == .nfkc }

    private struct Tables: Sendable {
        var compatibility: [UInt32: [UInt32]]
        /// By both code points.
        var compositions: [UInt64: UInt32] = [:]
        /// By code point: bit n is set where form n (in `allCases`) leaves it alone whatever stands beside it.
        var inert: [UInt8]

        static let shared = Tables()

        init() {
            compatibility = UnicodeSets.map(TextTables.compatibility)
            inert = Array(repeating: 15, count: 0x110000)
            let sets = UnicodeSets.shared
            let composed = UnicodeSets.map(TextTables.compositions)
            func change(_ c: UInt32, _ forms: UInt8) { inert[Int(c)] &= ~forms }
            for c in sets.decompositions.keys { change(c, composed[c] == nil ? 15 : 0b1010) }
            for c in UnicodeSets.hangul { change(c, 0b1010) }
            for c in compatibility.keys { change(c, 0b1100) }
            for c in sets.combiningClasses.keys { change(c, 15) }
            for (c, pair) in composed {
                compositions[UInt64(pair[0]) << 32 | UInt64(pair[1])] = c
                change(pair[1], 0b0101)
            }
            // The vowels and final consonants of Hangul.
            for c in UInt32(0x1161)...0x1175 { change(c, 0b0101) }
            for c in UInt32(0x11A8)...0x11C2 { change(c, 0b0101) }
        }
    }

    /// Appends the text in this form to `out`; false, and nothing done, if it is in this form already.
    func apply(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) -> Bool {
        guard let base = text.baseAddress, needsWork(text) else { return false }
        var scalars: [UInt32] = []
        scalars.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let (scalar, length) = decodeUTF8(base + index, count: text.count - index)
            scalars.append(scalar)
            index += length
        }
        scalars = decomposed(scalars)
        if composes { compose(&scalars) }
        for scalar in scalars { out.append(scalar: scalar) }
        return true
    }

    private func needsWork(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = text.baseAddress else { return false }
        var index = asciiPrefix(text)
        guard index < text.count else { return false }
        let bit: UInt8 =
            switch self {
            case .nfc: 1
            case .nfd: 2
            case .nfkc: 4
            case .nfkd: 8
            }
        return Tables.shared.inert.withUnsafeBufferPointer { inert in
            while index < text.count {
                if base[index] < 0x80 {
                    index &+= 1
                    continue
                }
                let (scalar, length) = decodeUTF8(base + index, count: text.count - index)
                if inert[Int(scalar)] & bit == 0 { return true }
                index &+= length
            }
            return false
        }
    }

    /// Takes all apart, and sorts marks by their combining class.
    private func decomposed(_ scalars: [UInt32]) -> [UInt32] {
        let sets = UnicodeSets.shared
        let compatibility = isCompatible ? Tables.shared.compatibility : [:]
        var out: [UInt32] = []
        out.reserveCapacity(scalars.count)
        var pending: [(combiningClass: UInt32, scalar: UInt32)] = []
        func flush() {
            guard !pending.isEmpty else { return }
            // A stable sort: marks of one class keep their order.
            let order = pending.indices.sorted { (pending[$0].combiningClass, $0) < (pending[$1].combiningClass, $1) }
            for index in order { out.append(pending[index].scalar) }
            pending.removeAll(keepingCapacity: true)
        }
        func append(_ scalar: UInt32) {
            if scalar >= 0x300, let combiningClass = sets.combiningClasses[scalar] {
                pending.append((combiningClass, scalar))
            } else {
                flush()
                out.append(scalar)
            }
        }
        for scalar in scalars {
            if scalar < 0x80 {
                append(scalar)
            } else if UnicodeSets.hangul.contains(scalar) {
                let offset = scalar - UnicodeSets.hangul.lowerBound
                append(0x1100 + offset / 588)
                append(0x1161 + offset % 588 / 28)
                if offset % 28 != 0 { append(0x11A7 + offset % 28) }
            } else {
                for part in compatibility[scalar] ?? sets.decompositions[scalar] ?? [scalar] { append(part) }
            }
        }
        flush()
        return out
    }

    /// Puts together what belongs together, in place.
    private func compose(_ scalars: inout [UInt32]) {
        let classes = UnicodeSets.shared.combiningClasses
        var count = 0
        var starter: Int?
        var lastClass: UInt32 = 0
        for scalar in scalars {
            let combiningClass = scalar < 0x300 ? 0 : classes[scalar] ?? 0
            // Blocked by a mark between that has the same class or a higher one.
            if let place = starter, place == count - 1 || lastClass < combiningClass,
                let composed = composition(scalars[place], scalar)
            {
                scalars[place] = composed
                continue
            }
            scalars[count] = scalar
            if combiningClass == 0 { starter = count }
            lastClass = combiningClass
            count += 1
        }
        scalars.removeLast(scalars.count - count)
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        let hangul = UnicodeSets.hangul.lowerBound
        if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
            return hangul + (first - 0x1100) * 588 + (second - 0x1161) * 28
        }
        if UnicodeSets.hangul.contains(first), (first - hangul) % 28 == 0, (0x11A8...0x11C2).contains(second) {
            return first + second - 0x11A7
        }
        return Tables.shared.compositions[UInt64(first) << 32 | UInt64(second)]
    }
}
