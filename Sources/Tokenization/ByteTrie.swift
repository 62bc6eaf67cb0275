/// A map from byte strings to ids that finds the longest key at a place in a text.
///
/// All edges stand in one open-addressing hash table keyed by (node, byte), so a step is one multiplication and, nearly
/// always, one load; several roots share the table.
struct ByteTrie: Sendable {
    /// Node and byte in one key: node numbers must stay below 2^24.
    static let mostNodes = 1 << 24
    private static let noKey = UInt32.max

    private var keys: [UInt32]
    private var children: [UInt32]
    private var mask: Int
    private var shift: UInt32
    /// The id of the key that ends at a node, or -1.
    private var values: [Int32]

    /// An empty trie with nodes 0 ..< `roots`.
    init(roots: Int) {
        keys = Array(repeating: Self.noKey, count: 64)
        children = Array(repeating: 0, count: 64)
        mask = 63
        shift = 26
        values = Array(repeating: -1, count: roots)
    }

    private func slot(of key: UInt32) -> Int {
        var slot = Int((key &* 0x9E37_79B1) >> shift)
        while keys[slot] != key, keys[slot] != Self.noKey { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let (oldKeys, oldChildren) = (keys, children)
        keys = Array(repeating: Self.noKey, count: oldKeys.count * 2)
        children = Array(repeating: 0, count: keys.count)
        mask = keys.count - 1
        shift -= 1
        for (key, child) in zip(oldKeys, oldChildren) where key != Self.noKey {
            let slot = slot(of: key)
            keys[slot] = key
            children[slot] = child
        }
    }

    /// Adds a key. Returns what was there: nil, or the id of an equal key, which is then left as it is.
    ///
    /// `key` must not be empty. Also returns nil, adding nothing, when the trie is full; check `isFull` afterwards.
    mutating func insert(_ key: some Sequence<UInt8>, root: Int, id: Int32) -> Int32? {
        var node = UInt32(root)
        for byte in key {
            let edge = node << 8 | UInt32(byte)
            let place = slot(of: edge)
            if keys[place] == edge {
                node = children[place]
                continue
            }
            guard values.count < Self.mostNodes - 1 else { return nil }
            keys[place] = edge
            children[place] = UInt32(values.count)
            node = children[place]
            values.append(-1)
            // At most a third full: misses end nearly every walk, so they must be short.
            if values.count * 3 > keys.count { grow() }
        }
        if values[Int(node)] >= 0 { return values[Int(node)] }
        values[Int(node)] = id
        return nil
    }

    /// Gives a key that is there another id.
    mutating func replace(_ key: some Sequence<UInt8>, root: Int, id: Int32) {
        var node = UInt32(root)
        for byte in key {
            let edge = node << 8 | UInt32(byte)
            let place = slot(of: edge)
            guard keys[place] == edge else { return }
            node = children[place]
        }
        values[Int(node)] = id
    }

    var isFull: Bool { values.count >= Self.mostNodes - 1 }

    /// The id of exactly this key.
    func find(_ key: some Sequence<UInt8>, root: Int) -> Int32? {
        var node = UInt32(root)
        for byte in key {
            let edge = node << 8 | UInt32(byte)
            let place = slot(of: edge)
            guard keys[place] == edge else { return nil }
            node = children[place]
        }
        let value = values[Int(node)]
        return value >= 0 ? value : nil
    }

    /// Runs `body` with a view for lookups without bounds checks.
    @inline(__always)
    func withView<R>(_ body: (View) throws -> R) rethrows -> R {
        try keys.withUnsafeBufferPointer { keys in
            try children.withUnsafeBufferPointer { children in
                try values.withUnsafeBufferPointer { values in
                    // None is empty: `init` made room in each.
                    guard let k = keys.baseAddress, let c = children.baseAddress, let v = values.baseAddress else {
                        preconditionFailure("a trie without a root")
                    }
                    return try body(View(keys: k, children: c, values: v, mask: mask, shift: shift))
                }
            }
        }
    }

    /// A borrowed trie; valid inside `withView` only.
    struct View {
        let keys: UnsafePointer<UInt32>
        let children: UnsafePointer<UInt32>
        let values: UnsafePointer<Int32>
        let mask: Int
        let shift: UInt32

        /// The node that a byte leads to; nil if no key goes on so.
        @inline(__always)
        func child(of node: UInt32, _ byte: UInt8) -> UInt32? {
            let edge = node << 8 | UInt32(byte)
            var slot = Int((edge &* 0x9E37_79B1) >> shift)
            while keys[slot] != edge {
                if keys[slot] == ByteTrie.noKey { return nil }
                slot = (slot &+ 1) & mask
            }
            return children[slot]
        }

        /// The longest key that `text` starts with.
        /// - Returns: its length and id, or (0, -1).
        @inline(__always)
        func longestPrefix(_ text: UnsafePointer<UInt8>, count: Int, root: UInt32) -> (length: Int, id: Int32) {
            var node = root
            var best = (length: 0, id: Int32(-1))
            var index = 0
            scan: while index < count {
                let edge = node << 8 | UInt32(text[index])
                var slot = Int((edge &* 0x9E37_79B1) >> shift)
                while keys[slot] != edge {
                    if keys[slot] == ByteTrie.noKey { break scan }
                    slot = (slot &+ 1) & mask
                }
                node = children[slot]
                index &+= 1
                let value = values[Int(node)]
                if value >= 0 { best = (index, value) }
            }
            return best
        }
    }
}
