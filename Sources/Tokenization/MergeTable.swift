/// What two neighbouring tokens are merged to, and how early: an open-addressing hash table.
struct MergeTable: Sendable {
    struct Merge: Sendable, BitwiseCopyable {
        /// The lower, the earlier.
        var rank: Int32
        var id: Int32

        static let none = Merge(rank: .max, id: -1)
    }

    fileprivate struct Slot: Sendable {
        var key: UInt64
        var merge: Merge
    }

    private static let noKey = UInt64.max
    private var slots: [Slot]
    private var mask: Int
    private var shift: UInt64
    private var count = 0

    /// A table with room for so many merges.
    init(capacity: Int) {
        var bits: UInt64 = 6
        while 1 << Int(bits) < capacity * 2 { bits += 1 }
        slots = Array(repeating: Slot(key: Self.noKey, merge: .none), count: 1 << Int(bits))
        mask = slots.count - 1
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
        while slots[slot].key != Self.noKey, slots[slot].key != key { slot = (slot + 1) & mask }
        slots[slot] = Slot(key: key, merge: merge)
    }

    /// Runs `body` with a view for look-ups.
    @inline(__always)
    func withView<R>(_ body: (View) -> R) -> R {
        slots.withUnsafeBufferPointer { slots in
            guard let base = slots.baseAddress else { preconditionFailure("a table without slots") }
            return body(View(slots: base, mask: mask, shift: shift))
        }
    }

    /// A borrowed table; valid inside `withView` only.
    struct View {
        fileprivate let slots: UnsafePointer<Slot>
        fileprivate let mask: Int
        fileprivate let shift: UInt64

        /// The merge of two tokens; `none` if they are not merged.
        @inline(__always)
        func find(_ left: Int32, _ right: Int32) -> Merge {
            let key = MergeTable.key(left, right)
            var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
            // An empty slot has no merge.
            while slots[slot].key != key, slots[slot].key != MergeTable.noKey { slot = (slot &+ 1) & mask }
            return slots[slot].merge
        }
    }
}
