/// How texts are cut to a length and put into the template.
extension EncodingTemplate {
    /// The encoding of a text, or of a pair, of at most `maxLength` tokens.
    ///
    /// - Parameter ids: the ids of a text without special tokens; at least as many as the limit if there are so many.
    func encode(
        _ text: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>?, maxLength: Int, truncatesLeft: Bool,
        ids: (_ text: UnsafeBufferPointer<UInt8>, _ limit: Int) -> [Int32]
    ) -> Encoding {
        let pieces = pair == nil ? single : self.pair
        // Into a range where sums cannot overflow.
        let length = min(max(maxLength, 0), 1 << 40)
        let room = max(0, length - Self.specialCount(pieces))
        func cut(_ ids: [Int32], to count: Int) -> ArraySlice<Int32> {
            truncatesLeft ? ids.suffix(count) : ids.prefix(count)
        }
        guard let pair else {
            let ids = ids(text, truncatesLeft ? Int.max : room)
            return Self.apply(pieces, first: cut(ids, to: room), second: [])
        }
        // Which is longer, and by how much, decides what is cut: the first must be known whole. The second need only be
        // known to be longer than the first and than the room.
        let first = ids(text, Int.max)
        let second = ids(pair, truncatesLeft ? Int.max : max(first.count, room) + 1)
        let kept = Self.longestFirst(first.count, second.count, room: room)
        return Self.apply(pieces, first: cut(first, to: kept.first), second: cut(second, to: kept.second))
    }
}
