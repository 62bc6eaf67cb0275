/// BERT's normalizer as a pass of its own, text in and text out.
///
/// `WordPieceAutomaton` does the same work without it. Only tokens that are sought in the normalized text need the text
/// itself, and models with such tokens are rare, so this is written plainly.
struct Normalizer: Sendable {
    private let options: NormalizerOptions
    private let removed: Set<UInt32>
    private let whitespace: Set<UInt32>
    private let ideographs: Set<UInt32>
    private let marks: Set<UInt32>
    private let sets: UnicodeSets

    init(_ options: NormalizerOptions) {
        self.options = options
        sets = UnicodeSets.shared
        removed = options.cleanText ? Set(sets.removed.joined().map { $0 }) : []
        whitespace = options.cleanText ? Set(sets.whitespace.joined().map { $0 }) : []
        ideographs = options.handleChineseCharacters ? Set(sets.ideographs.joined().map { $0 }) : []
        marks = Set(sets.marks.joined().map { $0 })
    }

    func normalize(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        guard let base = text.baseAddress else { return [] }
        var scalars: [UInt32] = []
        var index = 0
        while index < text.count {
            let (c, length) = decodeUTF8(base + index, count: text.count - index)
            index += length
            if removed.contains(c) { continue }
            if whitespace.contains(c) {
                scalars.append(0x20)
            } else if ideographs.contains(c) {
                scalars += [0x20, c, 0x20]
            } else {
                scalars.append(c)
            }
        }
        if options.stripsAccents { scalars = decomposed(scalars).filter { !marks.contains($0) } }
        if options.lowercase { scalars = scalars.flatMap { sets.lowerCase[$0] ?? [$0] } }
        var out = [UInt8](repeating: 0, count: scalars.count * 4)
        var count = 0
        out.withUnsafeMutableBufferPointer { out in
            guard let base = out.baseAddress else { return }
            for scalar in scalars { count += encodeUTF8(scalar, to: base + count) }
        }
        out.removeLast(out.count - count)
        return out
    }

    /// Normalization form D.
    private func decomposed(_ scalars: [UInt32]) -> [UInt32] {
        var out: [UInt32] = []
        var pending: [(combiningClass: UInt32, order: Int, scalar: UInt32)] = []
        func flush() {
            pending.sort { ($0.combiningClass, $0.order) < ($1.combiningClass, $1.order) }
            out += pending.map(\.scalar)
            pending.removeAll(keepingCapacity: true)
        }
        func append(_ scalar: UInt32) {
            if let combiningClass = sets.combiningClasses[scalar] {
                pending.append((combiningClass, pending.count, scalar))
            } else {
                flush()
                out.append(scalar)
            }
        }
        for scalar in scalars {
            if UnicodeSets.hangul.contains(scalar) {
                let offset = scalar - UnicodeSets.hangul.lowerBound
                append(0x1100 + offset / 588)
                append(0x1161 + offset % 588 / 28)
                if offset % 28 != 0 { append(0x11A7 + offset % 28) }
            } else {
                for part in sets.decompositions[scalar] ?? [scalar] { append(part) }
            }
        }
        flush()
        return out
    }
}
