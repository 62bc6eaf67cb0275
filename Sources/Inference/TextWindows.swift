import Tokenization

/// Cuts a text that is longer than the model takes into windows, each of which is a text of its own to the model.
///
/// A window has the special tokens around it that the whole text would have; windows do not overlap. What follows the
/// last window that is allowed is left out. Pairs of texts are cut off, and not into windows.
public struct TextWindows: Sendable {
    private let tokenizer: any Tokenizer
    private let maxLength: Int
    private let most: Int
    /// Special tokens before a text and behind it.
    private let frame: (before: Int, behind: Int)

    /// - Parameters:
    ///   - maxLength: Tokens of a window at most, special ones included.
    ///   - most: Windows of a text at most.
    public init(_ tokenizer: any Tokenizer, maxLength: Int, most: Int) {
        (self.tokenizer, self.maxLength, self.most) = (tokenizer, maxLength, most)
        // Where an encoding with something in it begins to differ from the empty one.
        let long = Int(Int32.max)
        let (empty, filled) = (
            tokenizer.encode("", maxLength: long).inputIDs, tokenizer.encode("a", maxLength: long).inputIDs
        )
        let before = zip(empty, filled).prefix { $0 == $1 }.count
        frame = (before, empty.count - before)
    }

    /// The windows of a text, or its pair as one; at least one.
    public func encodings(_ text: String, pair: String?) -> [Encoding] {
        let room = maxLength - frame.before - frame.behind
        guard most > 1, pair == nil, room > 0 else { return [tokenizer.encode(text, pair: pair, maxLength: maxLength)] }
        let whole = tokenizer.encode(text, maxLength: Int(Int32.max))
        let count = whole.inputIDs.count
        guard count > maxLength else { return [whole] }
        let (ids, types) = (whole.inputIDs, whole.typeIDs)
        let end = count - frame.behind
        return stride(from: frame.before, to: end, by: room).prefix(most).map { start in
            let next = min(start + room, end)
            return Encoding(
                inputIDs: Array(ids[..<frame.before] + ids[start..<next] + ids[end...]),
                typeIDs: Array(types[..<frame.before] + types[start..<next] + types[end...]))
        }
    }
}
