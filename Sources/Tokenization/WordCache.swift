import Foundation

/// The ids of words that were met before, for one thread at a time.
///
/// An open-addressing table. A word of up to 16 bytes stands in its slot whole, so that comparing it takes two numbers;
/// longer ones, and the ids of words of several, stand in two arenas. When it is full it starts anew, which costs
/// little: texts repeat their words soon. A look-up sees at most 16 slots, whatever words were chosen to collide.
struct WordCache: ~Copyable {
    /// Words of more bytes are not kept: they hardly come again.
    static let longestWord = 128
    private static let mostEntries = 1 << 15
    private static let mostIDs = 1 << 18
    private static let mostProbes = 16
    private static let wholeBytes = 16

    /// What a word is found by: with its length, the word itself if it has at most 16 bytes, otherwise a hash of it.
    struct Key {
        var low: UInt64
        var high: UInt64

        @inline(__always)
        fileprivate func hash(_ count: Int) -> Int {
            let number = UInt64(truncatingIfNeeded: count)
            let mixed = WordCache.mix(low ^ 0x9E37_79B9_7F4A_7C15, high ^ 0xD6E8_FEB8_6659_FD93 &+ number)
            return Int(truncatingIfNeeded: mixed & 0x7FFF_FFFF)
        }
    }

    private struct Slot {
        var key: Key
        /// Where a long word's bytes are.
        var bytes: UInt32
        /// Where the ids are; of a single id, the id itself.
        var ids: Int32
        /// 0 where there is no word.
        var byteCount: UInt16
        var idCount: UInt16
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var slotCount: Int
    private var entries = 0
    private var bytes = GrowingBuffer<UInt8>()
    private var ids = GrowingBuffer<Int32>()

    init() {
        slotCount = 1 << 10
        slots = Self.makeSlots(slotCount)
    }

    deinit { slots.deallocate() }

    private static let empty = Slot(key: Key(low: 0, high: 0), bytes: 0, ids: 0, byteCount: 0, idCount: 0)

    private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        slots.initialize(repeating: empty, count: count)
        return slots
    }

    @inline(__always)
    private static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high ^ low
    }

    /// The key of a word, which is not empty.
    @inline(__always)
    static func key(_ word: UnsafePointer<UInt8>, count: Int) -> Key {
        let raw = UnsafeRawPointer(word)
        func eight(_ offset: Int) -> UInt64 { raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        func four(_ offset: Int) -> UInt64 { UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        // Two loads that overlap cover all bytes.
        if count >= 8, count <= wholeBytes { return Key(low: eight(0), high: eight(count &- 8)) }
        if count < 4 {
            let low = UInt64(word[0]) | UInt64(word[count >> 1]) << 8 | UInt64(word[count &- 1]) << 16
            return Key(low: low, high: 0)
        }
        if count < 8 { return Key(low: four(0) | four(count &- 4) << 32, high: 0) }
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        var index = 0
        while index &+ 8 <= count {
            hash = mix(hash ^ eight(index), 0xD6E8_FEB8_6659_FD93)
            index &+= 8
        }
        return Key(low: hash, high: eight(count &- 8))
    }

    /// The ids of a word, valid until the cache changes; nil if the word is not known.
    @inline(__always)
    func find(_ key: Key, _ word: UnsafePointer<UInt8>, count: Int) -> UnsafeBufferPointer<Int32>? {
        let mask = slotCount &- 1
        var place = key.hash(count) & mask
        for _ in 0..<Self.mostProbes {
            let slot = slots + place
            guard slot.pointee.byteCount != 0 else { return nil }
            if slot.pointee.key.low == key.low, slot.pointee.key.high == key.high,
                Int(slot.pointee.byteCount) == count,
                count <= Self.wholeBytes || memcmp(bytes.base + Int(slot.pointee.bytes), word, count) == 0
            {
                let number = Int(slot.pointee.idCount)
                if number == 1 {
                    let id = UnsafeRawPointer(slot) + (MemoryLayout<Slot>.offset(of: \.ids) ?? 0)
                    return UnsafeBufferPointer(start: id.assumingMemoryBound(to: Int32.self), count: 1)
                }
                return UnsafeBufferPointer(start: ids.base + Int(slot.pointee.ids), count: number)
            }
            place = (place &+ 1) & mask
        }
        return nil
    }

    /// Keeps the ids of a word that is not there, if there is a slot for it.
    mutating func add(
        _ key: Key, _ word: UnsafePointer<UInt8>, count: Int, _ new: UnsafePointer<Int32>, idCount: Int
    ) {
        guard count > 0, count <= Self.longestWord, idCount <= Int(UInt16.max) else { return }
        if entries >= Self.mostEntries || ids.count + idCount > Self.mostIDs { removeAll() }
        if entries * 2 >= slotCount { grow() }
        var slot = Slot(
            key: key, bytes: UInt32(truncatingIfNeeded: bytes.count), ids: Int32(truncatingIfNeeded: ids.count),
            byteCount: UInt16(truncatingIfNeeded: count), idCount: UInt16(truncatingIfNeeded: idCount))
        if idCount == 1 { slot.ids = new[0] }
        guard place(slot) else { return }
        entries += 1
        if count > Self.wholeBytes { bytes.append(word, count: count) }
        if idCount != 1 { ids.append(new, count: idCount) }
    }

    /// Puts a word into a free slot; false if there is none near.
    private func place(_ slot: Slot) -> Bool {
        var place = slot.key.hash(Int(slot.byteCount)) & (slotCount - 1)
        for _ in 0..<Self.mostProbes {
            if slots[place].byteCount == 0 {
                slots[place] = slot
                return true
            }
            place = (place + 1) & (slotCount - 1)
        }
        return false
    }

    private mutating func grow() {
        let (old, oldCount) = (slots, slotCount)
        slotCount *= 2
        slots = Self.makeSlots(slotCount)
        for index in 0..<oldCount where old[index].byteCount != 0 { _ = place(old[index]) }
        old.deallocate()
    }

    private mutating func removeAll() {
        slots.update(repeating: Self.empty, count: slotCount)
        entries = 0
        bytes.removeAll()
        ids.removeAll()
    }
}
