import Testing

@testable import Tokenization

@Suite struct WordCacheTests {
    private func find(_ cache: borrowing WordCache, _ word: [UInt8]) -> [Int32]? {
        word.withUnsafeBufferPointer { word in
            guard let base = word.baseAddress else { return nil }
            return cache.find(WordCache.key(base, count: word.count), base, count: word.count).map { Array($0) }
        }
    }

    private func add(_ cache: inout WordCache, _ word: [UInt8], _ ids: [Int32]) {
        word.withUnsafeBufferPointer { word in
            guard let base = word.baseAddress else { return }
            ids.withUnsafeBufferPointer { ids in
                guard let first = ids.baseAddress else { return }
                cache.add(
                    WordCache.key(base, count: word.count), base, count: word.count, first, idCount: ids.count)
            }
        }
    }

    @Test func `words of all lengths are found, and their neighbours are not`() {
        var cache = WordCache()
        let words = (1...WordCache.longestWord).map { count in (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        }
        for (number, word) in words.enumerated() {
            #expect(find(cache, word) == nil)
            add(&cache, word, Array(repeating: Int32(number), count: number % 3 + 1))
        }
        for (number, word) in words.enumerated() {
            #expect(find(cache, word) == Array(repeating: Int32(number), count: number % 3 + 1))
            // Each byte counts.
            for place in word.indices {
                var other = word
                other[place] ^= 0x80
                #expect(find(cache, other) == nil, "\(number) \(place)")
            }
        }
    }

    @Test func `more words than there is room for are no problem`() {
        var cache = WordCache()
        func word(_ number: Int) -> [UInt8] { Array("word \(number * 7919)".utf8) }
        var kept = 0
        for number in 0..<100_000 {
            add(&cache, word(number), [Int32(number), 1])
            if find(cache, word(number)) == [Int32(number), 1] { kept += 1 }
            if number >= 20, let found = find(cache, word(number - 20)) { #expect(found == [Int32(number - 20), 1]) }
        }
        // A word stays out only if 16 slots in a row are full.
        #expect(kept > 99_000)
    }
}
