/// Byte-pair encoding (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"), over bytes
/// (Radford et al. 2019, GPT-2) or over characters: of all neighbours that can be merged, those of the lowest rank are,
/// from left to right, until none can be.
struct BytePairModel: Sendable {
    /// What one byte or character starts as.
    enum Symbol: Sendable, Equatable {
        case ids([Int32])
        case unknown
        /// Left out: there is no token for what is not known.
        case dropped
    }

    /// A neighbour in a long word.
    struct Link {
        var previous: Int32
        var next: Int32
    }

    /// Longer words are merged with a queue, in n log n steps instead of n^2 short ones.
    private static let longWord = 96
    private static let noRank = UInt32.max

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

    /// Appends the ids of a word.
    func encode(_ word: UnsafePointer<UInt8>, count: Int, _ scratch: TokenizerScratch) {
        if ignoresMerges, let id = wholeWord(word, count) {
            scratch.ids.append(id)
            return
        }
        scratch.symbols.removeAll(keepingCapacity: true)
        if byteSymbols.isEmpty {
            characters(word, count, &scratch.symbols)
        } else {
            bytes(word, count, &scratch.symbols)
        }
        guard scratch.symbols.count > 1 else {
            scratch.ids.append(contentsOf: scratch.symbols)
            return
        }
        merges.withView { merges in
            if scratch.symbols.count <= Self.longWord {
                Self.mergeShort(merges, &scratch.symbols, &scratch.ranks, &scratch.ids)
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

    private func bytes(_ word: UnsafePointer<UInt8>, _ count: Int, _ out: inout [Int32]) {
        var unknown = 0
        for index in 0..<count {
            let byte = Int(word[index])
            let id = byteIDs[byte]
            if id >= 0, unknown == 0 {
                out.append(id)
            } else {
                add(byteSymbols[byte], isKnown: vocabulary.id(ByteAlphabet.names[byte]) != nil, &unknown, &out)
            }
        }
        flush(&unknown, &out)
    }

    private func characters(_ word: UnsafePointer<UInt8>, _ count: Int, _ out: inout [Int32]) {
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
    private func add(_ symbol: Symbol, isKnown: Bool, _ unknown: inout Int, _ out: inout [Int32]) {
        switch symbol {
        case .ids(let ids):
            if isKnown { flush(&unknown, &out) }
            out += ids
        case .unknown:
            if unknown > 0, !fusesUnknown { flush(&unknown, &out) }
            unknown = 1
        case .dropped: break
        }
    }

    private func flush(_ unknown: inout Int, _ out: inout [Int32]) {
        if unknown > 0, let unknownID { out.append(unknownID) }
        unknown = 0
    }

    /// Merges in place, looking for the lowest rank each time.
    private static func mergeShort(
        _ merges: MergeTable.View, _ symbols: inout [Int32], _ ranks: inout [UInt32], _ out: inout [Int32]
    ) {
        ranks.removeAll(keepingCapacity: true)
        var count = symbols.count
        for index in 0..<count - 1 { ranks.append(merges.find(symbols[index], symbols[index + 1])?.rank ?? noRank) }
        ranks.append(noRank)
        symbols.withUnsafeMutableBufferPointer { symbols in
            ranks.withUnsafeMutableBufferPointer { ranks in
                func rank(_ index: Int) -> UInt32 { merges.find(symbols[index], symbols[index + 1])?.rank ?? noRank }
                while count > 1 {
                    var best = noRank
                    var place = 0
                    for index in 0..<count - 1 where ranks[index] < best {
                        best = ranks[index]
                        place = index
                    }
                    guard best != noRank, let merge = merges.find(symbols[place], symbols[place + 1]) else { break }
                    symbols[place] = merge.id
                    for index in place + 1..<count - 1 {
                        symbols[index] = symbols[index + 1]
                        ranks[index] = ranks[index + 1]
                    }
                    count -= 1
                    ranks[place] = place + 1 < count ? rank(place) : noRank
                    if place > 0 { ranks[place - 1] = rank(place - 1) }
                }
            }
        }
        out.append(contentsOf: symbols[..<count])
    }

    /// Merges with a queue of ranks and places; an entry counts if the rank there is still its own.
    private static func mergeLong(_ merges: MergeTable.View, _ scratch: TokenizerScratch) {
        let count = scratch.symbols.count
        var symbols = scratch.symbols
        var ranks = [UInt32](repeating: noRank, count: count)
        var links = (0..<count).map {
            Link(previous: Int32(truncatingIfNeeded: $0 - 1), next: Int32(truncatingIfNeeded: $0 + 1))
        }
        var queue = RankQueue()
        func look(_ place: Int) {
            let next = Int(links[place].next)
            ranks[place] = next < count ? merges.find(symbols[place], symbols[next])?.rank ?? noRank : noRank
            if ranks[place] != noRank { queue.push(UInt64(ranks[place]) << 32 | UInt64(place)) }
        }
        for place in 0..<count { look(place) }
        while let entry = queue.pop() {
            let place = Int(entry & 0xFFFF_FFFF)
            guard UInt64(ranks[place]) == entry >> 32 else { continue }
            let right = Int(links[place].next)
            guard let merge = merges.find(symbols[place], symbols[right]) else { continue }
            symbols[place] = merge.id
            symbols[right] = -1
            ranks[right] = noRank
            let after = links[right].next
            links[place].next = after
            if Int(after) < count { links[Int(after)].previous = Int32(truncatingIfNeeded: place) }
            look(place)
            if links[place].previous >= 0 { look(Int(links[place].previous)) }
        }
        scratch.ids.append(contentsOf: symbols.lazy.filter { $0 >= 0 })
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
