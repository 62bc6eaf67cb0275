/// Byte-pair encoding (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"), over bytes
/// (Radford et al. 2019, GPT-2) or over characters: of all neighbours that can be merged, those of the lowest rank are,
/// from left to right, until none can be.
final class BytePairModel: WordModel {
    /// What one byte or character starts as.
    enum Symbol: Sendable, Equatable {
        case ids([Int32])
        case unknown
        /// Left out: there is no token for what is not known.
        case dropped
    }

    /// The neighbours of a symbol.
    struct Link: BitwiseCopyable {
        var previous: Int32
        var next: Int32
    }

    /// Longer words are merged with a queue, in n log n steps instead of n^2 short ones.
    private static let longWord = 96
    private static let noRank = MergeTable.Merge.none.rank

    let vocabulary: PlainVocabulary
    let merges: MergeTable
    /// The token of what cannot be spelled.
    let unknownID: Int32?
    /// Whether several unknown characters in a row are one token.
    let fusesUnknown: Bool
    /// Whether a word that is a token is one, however its letters would be merged.
    let ignoresMerges: Bool
    /// The tokens "<0x00>" to "<0xFF>" where they are there and used.
    private let byteTokens: [Int32?]
    /// By byte, where words are bytes.
    private let byteSymbols: [Symbol]
    /// By byte: its id, or -1 if it is not as simple.
    private let byteIDs: [Int32]

    init(
        vocabulary: PlainVocabulary, merges: MergeTable, isByteLevel: Bool, unknownID: Int32?, fusesUnknown: Bool,
        fallsBackToBytes: Bool, ignoresMerges: Bool
    ) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.unknownID = unknownID
        self.fusesUnknown = fusesUnknown
        self.ignoresMerges = ignoresMerges
        byteTokens = fallsBackToBytes ? UnigramModel.byteTokens(vocabulary) : Array(repeating: nil, count: 256)
        if isByteLevel {
            let tokens = byteTokens
            byteSymbols = ByteAlphabet.names.map {
                Self.symbol($0, vocabulary, tokens, hasUnknown: unknownID != nil)
            }
        } else {
            byteSymbols = []
        }
        byteIDs = byteSymbols.map { if case .ids(let ids) = $0, ids.count == 1 { ids[0] } else { -1 } }
    }

    private static func symbol(
        _ name: [UInt8], _ vocabulary: PlainVocabulary, _ byteTokens: [Int32?], hasUnknown: Bool
    ) -> Symbol {
        if let id = vocabulary.id(name) { return .ids([id]) }
        let bytes = name.compactMap { byteTokens[Int($0)] }
        if bytes.count == name.count { return .ids(bytes) }
        return hasUnknown ? .unknown : .dropped
    }

    /// Appends the ids of a word, which is not empty.
    func encode(_ word: UnsafePointer<UInt8>, count: Int, _ scratch: ScratchPool.Scratch) {
        if ignoresMerges, let id = wholeWord(word, count) {
            scratch.pointee.ids.append(id)
            return
        }
        scratch.pointee.symbols.removeAll()
        if byteSymbols.isEmpty {
            characters(word, count, &scratch.pointee.symbols)
        } else {
            bytes(word, count, &scratch.pointee.symbols)
        }
        let symbols = scratch.pointee.symbols.count
        guard symbols > 1 else {
            scratch.pointee.ids.append(scratch.pointee.symbols.base, count: symbols)
            return
        }
        merges.withView { merges in
            if symbols <= Self.longWord {
                Self.mergeShort(merges, scratch)
            } else {
                Self.mergeLong(merges, scratch)
            }
        }
    }

    private func wholeWord(_ word: UnsafePointer<UInt8>, _ count: Int) -> Int32? {
        let bytes = UnsafeBufferPointer(start: word, count: count)
        if byteSymbols.isEmpty { return vocabulary.id(bytes) }
        return vocabulary.id(bytes.lazy.flatMap { ByteAlphabet.names[Int($0)] })
    }

    private func bytes(_ word: UnsafePointer<UInt8>, _ count: Int, _ out: inout GrowingBuffer<Int32>) {
        var unknown = 0
        byteIDs.withUnsafeBufferPointer { byteIDs in
            for index in 0..<count {
                let byte = Int(word[index])
                let id = byteIDs[byte]
                if id >= 0, unknown == 0 {
                    out.append(id)
                } else {
                    add(byteSymbols[byte], isKnown: vocabulary.id(ByteAlphabet.names[byte]) != nil, &unknown, &out)
                }
            }
        }
        flush(&unknown, &out)
    }

    private func characters(_ word: UnsafePointer<UInt8>, _ count: Int, _ out: inout GrowingBuffer<Int32>) {
        var unknown = 0
        var index = 0
        while index < count {
            let length = decodeUTF8(word + index, count: count - index).length
            let name = Array(UnsafeBufferPointer(start: word + index, count: length))
            let symbol = Self.symbol(name, vocabulary, byteTokens, hasUnknown: unknownID != nil)
            add(symbol, isKnown: vocabulary.id(name) != nil, &unknown, &out)
            index += length
        }
        flush(&unknown, &out)
    }

    /// Adds a symbol as the reference does: an unknown one waits for the next known one, and bytes overtake it.
    private func add(_ symbol: Symbol, isKnown: Bool, _ unknown: inout Int, _ out: inout GrowingBuffer<Int32>) {
        switch symbol {
        case .ids(let ids):
            if isKnown { flush(&unknown, &out) }
            out.append(ids)
        case .unknown:
            if unknown > 0, !fusesUnknown { flush(&unknown, &out) }
            unknown = 1
        case .dropped: break
        }
    }

    private func flush(_ unknown: inout Int, _ out: inout GrowingBuffer<Int32>) {
        if unknown > 0, let unknownID { out.append(unknownID) }
        unknown = 0
    }

    /// Fills `scratch.links` with the neighbours of each symbol: -1 before the first, the count behind the last.
    private static func link(_ count: Int, _ scratch: ScratchPool.Scratch) -> UnsafeMutablePointer<Link> {
        scratch.pointee.links.resize(count)
        let links = scratch.pointee.links.base
        for index in 0..<count {
            links[index] = Link(
                previous: Int32(truncatingIfNeeded: index &- 1), next: Int32(truncatingIfNeeded: index &+ 1))
        }
        return links
    }

    /// Appends the symbols that are left: the first one, and whatever is linked to it.
    private static func appendSymbols(
        _ symbols: UnsafePointer<Int32>, _ links: UnsafePointer<Link>, _ count: Int, _ scratch: ScratchPool.Scratch
    ) {
        var place = 0
        while place < count {
            scratch.pointee.ids.append(symbols[place])
            place = Int(links[place].next)
        }
    }

    /// Merges by looking for the lowest rank each time.
    private static func mergeShort(_ merges: MergeTable.View, _ scratch: ScratchPool.Scratch) {
        typealias Ranks = SIMD8<Int32>
        let count = scratch.pointee.symbols.count
        let symbols = scratch.pointee.symbols.base
        let links = link(count, scratch)
        let vectors = (count &+ 7) / 8
        scratch.pointee.ranks.resize(vectors &* 8)
        scratch.pointee.merges.resize(count)
        let ranks = scratch.pointee.ranks.base
        let found = scratch.pointee.merges.base
        for index in count &- 1..<vectors &* 8 { ranks[index] = noRank }
        for index in 0..<count &- 1 {
            found[index] = merges.find(symbols[index], symbols[index &+ 1])
            ranks[index] = found[index].rank
        }
        func look(_ place: Int) {
            let next = Int(links[place].next)
            found[place] = next < count ? merges.find(symbols[place], symbols[next]) : .none
            ranks[place] = found[place].rank
        }
        let raw = UnsafeRawPointer(ranks)
        while true {
            var least = Ranks(repeating: noRank)
            for vector in 0..<vectors {
                least = pointwiseMin(least, raw.loadUnaligned(fromByteOffset: vector &* 32, as: Ranks.self))
            }
            let best = least.min()
            guard best != noRank else { break }
            var place = 0
            while ranks[place] != best { place &+= 1 }
            symbols[place] = found[place].id
            let right = Int(links[place].next)
            ranks[right] = noRank
            let after = links[right].next
            links[place].next = after
            if Int(after) < count { links[Int(after)].previous = Int32(truncatingIfNeeded: place) }
            look(place)
            if links[place].previous >= 0 { look(Int(links[place].previous)) }
        }
        appendSymbols(symbols, links, count, scratch)
    }

    /// Merges with a queue of ranks and places; an entry counts if the rank there is still its own.
    private static func mergeLong(_ merges: MergeTable.View, _ scratch: ScratchPool.Scratch) {
        let count = scratch.pointee.symbols.count
        let symbols = scratch.pointee.symbols.base
        let links = link(count, scratch)
        scratch.pointee.merges.resize(count)
        let found = scratch.pointee.merges.base
        var queue = RankQueue()
        func look(_ place: Int) {
            let next = Int(links[place].next)
            found[place] = next < count ? merges.find(symbols[place], symbols[next]) : .none
            if found[place].rank != noRank { queue.push(UInt64(found[place].rank) << 32 | UInt64(place)) }
        }
        for place in 0..<count { look(place) }
        while let entry = queue.pop() {
            let place = Int(entry & 0xFFFF_FFFF)
            guard UInt64(found[place].rank) == entry >> 32 else { continue }
            symbols[place] = found[place].id
            let right = Int(links[place].next)
            found[right] = .none
            let after = links[right].next
            links[place].next = after
            if Int(after) < count { links[Int(after)].previous = Int32(truncatingIfNeeded: place) }
            look(place)
            if links[place].previous >= 0 { look(Int(links[place].previous)) }
        }
        appendSymbols(symbols, links, count, scratch)
    }
}

/// A heap whose lowest number comes first.
private struct RankQueue {
    private var heap: [UInt64] = []

    mutating func push(_ value: UInt64) {
        heap.append(value)
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2] > heap[child] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> UInt64? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [parent * 2 + 1, parent * 2 + 2] where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
