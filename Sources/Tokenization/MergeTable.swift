/// What two neighbouring tokens are merged to, and how early: an open-addressing hash table.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        /// The lower, the earlier.
        var rank: UInt32
        var id: Int32
    }

    private static let noKey = UInt64.max
    private var keys: [UInt64]
    private var merges: [Merge]
    private var mask: Int
    private var shift: UInt64
    private var count = 0

    /// A table with room for so many merges.
    init(capacity: Int) {
        var bits: UInt64 = 6
        while 1 << Int(bits) < capacity * 2 { bits += 1 }
        keys = Array(repeating: Self.noKey, count: 1 << Int(bits))
        merges = Array(repeating: Merge(rank: 0, id: 0), count: 1 << Int(bits))
        mask = keys.count - 1
        shift = 64 - bits
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Adds a merge; of two of the same pair the later one counts. The number added must not exceed the capacity.
    mutating func add(_ left: Int32, _ right: Int32, _ merge: Merge) {
        let key = Self.key(left, right)
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while keys[slot] != Self.noKey, keys[slot] != key { slot = (slot + 1) & mask }
        keys[slot] = key
        merges[slot] = merge
    }

    /// Runs `body` with a view for look-ups.
    @inline(__always)
    func withView<R>(_ body: (View) -> R) -> R {
        keys.withUnsafeBufferPointer { keys in
            merges.withUnsafeBufferPointer { merges in
                guard let k = keys.baseAddress, let m = merges.baseAddress else {
                    preconditionFailure("a table without slots")
                }
                return body(View(keys: k, merges: m, mask: mask, shift: shift))
            }
        }
    }

    /// A borrowed table; valid inside `withView` only.
    struct View {
        let keys: UnsafePointer<UInt64>
        let merges: UnsafePointer<Merge>
        let mask: Int
        let shift: UInt64

        /// The merge of two tokens; nil if they are not merged.
        @inline(__always)
        func find(_ left: Int32, _ right: Int32) -> Merge? {
            let key = MergeTable.key(left, right)
            var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
            while keys[slot] != key {
                if keys[slot] == MergeTable.noKey { return nil }
                slot = (slot &+ 1) & mask
            }
            return merges[slot]
        }
    }
}
