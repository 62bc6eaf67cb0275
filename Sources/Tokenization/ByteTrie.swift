/// A map from byte strings to ids that finds the longest key at a place in a text.
///
/// All edges stand in one open-addressing hash table keyed by (node, byte), so a step is one multiplication and, nearly
/// always, one load; several roots share the table.
struct ByteTrie: Sendable {
    /// Node and byte in one key: node numbers must stay below 2^24.
    static let mostNodes = 1 << 24
    private static let noEdge = UInt64.max

    /// The key in the upper half; in the lower one the child, and in bit 31 whether a key ends there.
    private var edges: [UInt64]
    private var mask: Int
    private var shift: UInt32
    /// The id of the key that ends at a node, or -1.
    private var values: [Int32]

    /// An empty trie with nodes 0 ..< `roots`.
    init(roots: Int) {
        edges = Array(repeating: Self.noEdge, count: 64)
        mask = 63
        shift = 26
        values = Array(repeating: -1, count: roots)
    }

    private func slot(of key: UInt32) -> Int {
        var slot = Int((key &* 0x9E37_79B1) >> shift)
        while edges[slot] != Self.noEdge, UInt32(edges[slot] >> 32) != key { slot = (slot + 1) & mask }
        return slot
    }

    /// The node that an edge leads to; nil if there is no such edge.
    private func child(_ edge: UInt32) -> UInt32? {
        let found = edges[slot(of: edge)]
        return found == Self.noEdge ? nil : UInt32(truncatingIfNeeded: found & 0xFF_FFFF)
    }

    private mutating func grow() {
        let old = edges
        edges = Array(repeating: Self.noEdge, count: old.count * 2)
        mask = edges.count - 1
        shift -= 1
        for edge in old where edge != Self.noEdge { edges[slot(of: UInt32(edge >> 32))] = edge }
    }

    /// Adds a key. Returns what was there: nil, or the id of an equal key, which is then left as it is.
    ///
    /// `key` must not be empty. Also returns nil, adding nothing, when the trie is full; check `isFull` afterwards.
    mutating func insert(_ key: some Sequence<UInt8>, root: Int, id: Int32) -> Int32? {
        var node = UInt32(root)
        var edge: UInt32 = 0
        for byte in key {
            edge = node << 8 | UInt32(byte)
            if let child = child(edge) {
                node = child
                continue
            }
            guard values.count < Self.mostNodes - 1 else { return nil }
            node = UInt32(values.count)
            edges[slot(of: edge)] = UInt64(edge) << 32 | UInt64(node)
            values.append(-1)
            // At most a third full: misses end nearly every walk, so they must be short.
            if values.count * 3 > edges.count { grow() }
        }
        if values[Int(node)] >= 0 { return values[Int(node)] }
        values[Int(node)] = id
        edges[slot(of: edge)] |= 1 << 31
        return nil
    }

    /// Gives a key that is there another id.
    mutating func replace(_ key: some Sequence<UInt8>, root: Int, id: Int32) {
        if let node = node(key, root: root) { values[Int(node)] = id }
    }

    private func node(_ key: some Sequence<UInt8>, root: Int) -> UInt32? {
        var node = UInt32(root)
        for byte in key {
            guard let child = child(node << 8 | UInt32(byte)) else { return nil }
            node = child
        }
        return node
    }

    var isFull: Bool { values.count >= Self.mostNodes - 1 }

    /// The id of exactly this key.
    func find(_ key: some Sequence<UInt8>, root: Int) -> Int32? {
        guard let node = node(key, root: root) else { return nil }
        let value = values[Int(node)]
        return value >= 0 ? value : nil
    }

    /// Runs `body` with a view for lookups without bounds checks.
    @inline(__always)
    func withView<R>(_ body: (View) throws -> R) rethrows -> R {
        try edges.withUnsafeBufferPointer { edges in
            try values.withUnsafeBufferPointer { values in
                // None is empty: `init` made room in each.
                guard let e = edges.baseAddress, let v = values.baseAddress else {
                    preconditionFailure("a trie without a root")
                }
                return try body(View(edges: e, values: v, mask: mask, shift: shift))
            }
        }
    }

    /// A borrowed trie; valid inside `withView` only.
    struct View {
        let edges: UnsafePointer<UInt64>
        /// By node: the id of the key that ends there, or -1.
        let values: UnsafePointer<Int32>
        let mask: Int
        let shift: UInt32

        /// Where a byte leads.
        struct Step {
            /// 0 if no key goes on so; otherwise the node, and in bit 31 whether a key ends there.
            fileprivate let bits: UInt32

            var isEnd: Bool { bits == 0 }
            var node: UInt32 { bits & 0xFF_FFFF }
            var hasValue: Bool { bits >> 31 != 0 }
        }

        @inline(__always)
        func step(_ node: UInt32, _ byte: UInt8) -> Step {
            let key = node << 8 | UInt32(byte)
            var slot = Int((key &* 0x9E37_79B1) >> shift)
            while true {
                let edge = edges[slot]
                if UInt32(truncatingIfNeeded: edge >> 32) == key {
                    return Step(bits: UInt32(truncatingIfNeeded: edge))
                }
                if edge == ByteTrie.noEdge { return Step(bits: 0) }
                slot = (slot &+ 1) & mask
            }
        }

        /// The longest key that `text` starts with.
        /// - Returns: its length and id, or (0, -1).
        @inline(__always)
        func longestPrefix(_ text: UnsafePointer<UInt8>, count: Int, root: UInt32) -> (length: Int, id: Int32) {
            var node = root
            var length = 0
            var last: UInt32 = 0
            var index = 0
            while index < count {
                let step = step(node, text[index])
                if step.isEnd { break }
                node = step.node
                index &+= 1
                if step.hasValue { (length, last) = (index, node) }
            }
            return length == 0 ? (0, -1) : (length, values[Int(last)])
        }
    }
}
