/// What takes the words of a text, one after the other.
protocol WordSink {
    /// Takes a word, which is not empty; false to stop.
    mutating func take(_ word: UnsafePointer<UInt8>, _ count: Int) -> Bool
}

/// What finds the ids of a word. A class, for a large struct would be copied at each use.
protocol WordModel: AnyObject, Sendable {
    /// Appends the ids of a word, which is not empty and valid UTF-8.
    func encode(_ word: UnsafePointer<UInt8>, count: Int, _ scratch: ScratchPool.Scratch)
}

/// Appends the ids of words, which are looked up or, if they are new, found by the model.
struct WordEncoder<Model: WordModel>: WordSink {
    let model: Model
    let scratch: ScratchPool.Scratch

    @inline(__always)
    func take(_ word: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count <= WordCache.longestWord else {
            model.encode(word, count: count, scratch)
            return !scratch.pointee.isFull
        }
        let key = WordCache.key(word, count: count)
        if let known = scratch.pointee.cache.find(key, word, count: count), let start = known.baseAddress {
            if known.count == 1 {
                scratch.pointee.ids.append(start[0])
            } else {
                scratch.pointee.ids.append(start, count: known.count)
            }
        } else {
            add(key, word, count)
        }
        return !scratch.pointee.isFull
    }

    @inline(never)
    private func add(_ key: WordCache.Key, _ word: UnsafePointer<UInt8>, _ count: Int) {
        let first = scratch.pointee.ids.count
        model.encode(word, count: count, scratch)
        let new = scratch.pointee.ids.base + first
        scratch.pointee.cache.add(key, word, count: count, new, idCount: scratch.pointee.ids.count - first)
    }
}
