import Foundation

/// The ids of words that were met before, for one thread at a time.
///
/// An open-addressing table of entries; the words' bytes and ids stand in two arenas. When it is full it starts anew,
/// which costs little: texts repeat their words soon.
struct WordCache {
    /// Words of more bytes are not kept: they hardly come again.
    static let longestWord = 128
    private static let mostEntries = 1 << 15
    private static let mostIDs = 1 << 18

    private struct Entry {
        var hash: UInt64
        var bytes: UInt32
        var ids: UInt32
        var byteCount: UInt16
        var idCount: UInt16
    }

    private var slots = [UInt32](repeating: 0, count: 1 << 10)
    private var mask: UInt64 = (1 << 10) - 1
    private var entries: [Entry] = []
    private var bytes: [UInt8] = []
    private var ids: [Int32] = []

    /// A hash of a word's bytes.
    @inline(__always)
    static func hash(_ word: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        let raw = UnsafeRawPointer(word)
        var hash = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
        var index = 0
        while index &+ 8 <= count {
            hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        var tail: UInt64 = 0
        while index < count {
            tail = tail << 8 | UInt64(word[index])
            index &+= 1
        }
        return mix(hash ^ tail)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return high ^ low
    }

    /// Appends the ids of a word to `out`, if the word is known.
    @inline(__always)
    func find(_ word: UnsafePointer<UInt8>, count: Int, hash: UInt64, _ out: inout [Int32]) -> Bool {
        var slot = hash & mask
        while true {
            let number = slots[Int(truncatingIfNeeded: slot)]
            guard number != 0 else { return false }
            let entry = entries[Int(number &- 1)]
            if entry.hash == hash, Int(entry.byteCount) == count, matches(entry, word, count) {
                let first = Int(entry.ids)
                if entry.idCount == 1 {
                    out.append(ids[first])
                } else {
                    out.append(contentsOf: ids[first..<first &+ Int(entry.idCount)])
                }
                return true
            }
            slot = (slot &+ 1) & mask
        }
    }

    @inline(__always)
    private func matches(_ entry: Entry, _ word: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return count == 0 }
            return memcmp(base + Int(entry.bytes), word, count) == 0
        }
    }

    /// Keeps the ids of a word that is not there.
    mutating func add(_ word: UnsafePointer<UInt8>, count: Int, hash: UInt64, _ new: ArraySlice<Int32>) {
        guard count <= Self.longestWord, new.count <= Int(UInt16.max) else { return }
        if entries.count >= Self.mostEntries || ids.count + new.count > Self.mostIDs { removeAll() }
        if entries.count * 2 >= slots.count { grow() }
        let entry = Entry(
            hash: hash, bytes: UInt32(bytes.count), ids: UInt32(ids.count), byteCount: UInt16(count),
            idCount: UInt16(new.count))
        bytes.append(contentsOf: UnsafeBufferPointer(start: word, count: count))
        ids.append(contentsOf: new)
        entries.append(entry)
        place(UInt32(entries.count), hash)
    }

    private mutating func place(_ number: UInt32, _ hash: UInt64) {
        var slot = hash & mask
        while slots[Int(slot)] != 0 { slot = (slot &+ 1) & mask }
        slots[Int(slot)] = number
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        mask = UInt64(slots.count - 1)
        for (index, entry) in entries.enumerated() { place(UInt32(index + 1), entry.hash) }
    }

    private mutating func removeAll() {
        for index in slots.indices { slots[index] = 0 }
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        ids.removeAll(keepingCapacity: true)
    }
}
