/// SentencePiece's unigram model (Kudo 2018, "Subword Regularization"): of all ways to cut a word into pieces, the one
/// whose scores have the highest sum, found by Viterbi's algorithm; ties as in the `tokenizers` library.
final class UnigramModel: WordModel {
    /// The best way to the end of a piece.
    struct Node: BitwiseCopyable {
        var score: Double
        /// Where its last piece starts; -1 if there is no way.
        var start: Int32
        var id: Int32
    }

    /// How much worse than the worst piece an unknown character is.
    private static let unknownPenalty = 10.0

    let vocabulary: PlainVocabulary
    /// By id; all are finite.
    let scores: [Double]
    let unknownID: Int32
    private let unknownScore: Double
    /// The tokens of bytes, if all are there and used.
    private let byteTokens: [Int32?]
    private let fallsBackToBytes: Bool

    /// `scores` has at least one entry, and `unknownID` is one of its places.
    init(vocabulary: PlainVocabulary, scores: [Double], unknownID: Int32, fallsBackToBytes: Bool) {
        self.vocabulary = vocabulary
        self.scores = scores
        self.unknownID = unknownID
        self.fallsBackToBytes = fallsBackToBytes
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        byteTokens = fallsBackToBytes ? Self.byteTokens(vocabulary) : Array(repeating: nil, count: 256)
    }

    /// The ids of "<0x00>" to "<0xFF>".
    static func byteTokens(_ vocabulary: PlainVocabulary) -> [Int32?] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<256).map { vocabulary.id(Array("<0x".utf8) + [digits[$0 >> 4], digits[$0 & 15], 0x3E]) }
    }

    /// Appends the ids of a word, which is not empty.
    func encode(_ word: UnsafePointer<UInt8>, count: Int, _ scratch: ScratchPool.Scratch) {
        scratch.pointee.nodes.resize(count &+ 1)
        let nodes = scratch.pointee.nodes.base
        vocabulary.trie.withView { trie in
            scores.withUnsafeBufferPointer { scores in search(word, count, nodes, trie, scores) }
        }
        trace(word, count, nodes, &scratch.pointee.ids)
    }

    @inline(__always)
    private func search(
        _ word: UnsafePointer<UInt8>, _ count: Int, _ nodes: UnsafeMutablePointer<Node>, _ trie: ByteTrie.View,
        _ scores: UnsafeBufferPointer<Double>
    ) {
        for index in 0...count { nodes[index].start = -1 }
        nodes[0].score = 0
        func reach(_ end: Int, _ start: Int, _ score: Double, _ id: Int32) {
            guard nodes[end].start < 0 || score > nodes[end].score else { return }
            nodes[end] = Node(score: score, start: Int32(truncatingIfNeeded: start), id: id)
        }
        var start = 0
        while start < count {
            let before = nodes[start].score
            let length = min(scalarLength(word[start]), count &- start)
            var isSingle = false
            var node: UInt32 = 0
            var end = start
            while end < count {
                let step = trie.step(node, word[end])
                if step.isEnd { break }
                node = step.node
                end &+= 1
                guard step.hasValue else { continue }
                let id = trie.values[Int(node)]
                reach(end, start, scores[Int(id)] + before, id)
                if end &- start == length { isSingle = true }
            }
            if !isSingle { reach(start &+ length, start, unknownScore + before, unknownID) }
            start &+= length
        }
    }

    /// Appends the ids of the best way, unknown pieces in a row as one.
    private func trace(
        _ word: UnsafePointer<UInt8>, _ count: Int, _ nodes: UnsafePointer<Node>, _ out: inout GrowingBuffer<Int32>
    ) {
        let first = out.count
        var end = count
        while end > 0 {
            let node = nodes[end]
            var start = Int(node.start)
            if node.id == unknownID {
                while start > 0, nodes[start].id == unknownID { start = Int(nodes[start].start) }
                appendReversed(UnsafeBufferPointer(start: word + start, count: end - start), &out)
            } else {
                out.append(node.id)
            }
            end = start
        }
        // Last came first.
        var (low, high) = (first, out.count - 1)
        while low < high {
            (out.base[low], out.base[high]) = (out.base[high], out.base[low])
            low += 1
            high -= 1
        }
    }

    /// Appends what an unknown stretch becomes, last first.
    private func appendReversed(_ text: UnsafeBufferPointer<UInt8>, _ out: inout GrowingBuffer<Int32>) {
        if let id = vocabulary.id(text) {
            out.append(id)
        } else if fallsBackToBytes, text.allSatisfy({ byteTokens[Int($0)] != nil }) {
            for byte in text.reversed() { out.append(byteTokens[Int(byte)] ?? unknownID) }
        } else {
            out.append(unknownID)
        }
    }
}
