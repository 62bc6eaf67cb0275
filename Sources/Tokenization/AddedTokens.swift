/// Tokens that are found in the text before any word is: "[CLS]", "[MASK]" and what users added.
struct AddedTokens: Sendable {
    struct Token: Sendable, Equatable {
        var content: [UInt8]
        var id: Int32
        /// Found only where no letter or digit touches it.
        var singleWord = false
        /// Takes the white space before it along.
        var stripsLeft = false
        /// Takes the white space after it along.
        var stripsRight = false
        /// Sought in the normalized text instead of the text as it came.
        var normalized = false
    }

    private var trie = ByteTrie(roots: 1)
    private(set) var tokens: [Token] = []
    /// By byte: whether a token starts with it.
    private var startsToken = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { tokens.isEmpty }

    /// Adds a token; of equal ones the first counts. Empty ones are never found, as in the reference.
    mutating func add(_ token: Token) {
        guard let first = token.content.first else { return }
        guard trie.insert(token.content, root: 0, id: Int32(tokens.count)) == nil else { return }
        startsToken[Int(first)] = true
        tokens.append(token)
    }

    /// Cuts a text at the tokens in it, leftmost first and the longest of those: calls `between` with each stretch of
    /// text, `found` with each token. Either may return false to stop.
    func split(
        _ text: UnsafeBufferPointer<UInt8>, between: (UnsafeBufferPointer<UInt8>) -> Bool, found: (Int32) -> Bool
    ) {
        guard let base = text.baseAddress, !text.isEmpty else { return }
        guard !tokens.isEmpty else {
            _ = between(text)
            return
        }
        var start = 0
        var index = 0
        trie.withView { trie in
            startsToken.withUnsafeBufferPointer { starts in
                while index < text.count {
                    guard starts[Int(base[index])] else {
                        index &+= 1
                        continue
                    }
                    let (length, number) = trie.longestPrefix(base + index, count: text.count - index, root: 0)
                    guard length > 0 else {
                        index &+= 1
                        continue
                    }
                    let token = tokens[Int(number)]
                    let end = index + length
                    if token.singleWord, !standsAlone(text, index..<end) {
                        // The reference does not look for another one inside a rejected one.
                        index = end
                        continue
                    }
                    let before = token.stripsLeft ? max(start, startOfSpaces(text, before: index)) : index
                    if start < before, !between(UnsafeBufferPointer(rebasing: text[start..<before])) { return }
                    // The next token is sought right behind this one, even among white space that went along.
                    start = token.stripsRight ? endOfSpaces(text, after: end) : end
                    index = end
                    guard found(token.id) else { return }
                }
                if start < text.count { _ = between(UnsafeBufferPointer(rebasing: text[start...])) }
            }
        }
    }

    private func startOfSpaces(_ text: UnsafeBufferPointer<UInt8>, before end: Int) -> Int {
        guard let base = text.baseAddress else { return end }
        var end = end
        while end > 0 {
            let start = scalarStart(base, before: end)
            guard isWhiteSpace(decodeUTF8(base + start, count: end - start).scalar) else { break }
            end = start
        }
        return end
    }

    private func endOfSpaces(_ text: UnsafeBufferPointer<UInt8>, after start: Int) -> Int {
        guard let base = text.baseAddress else { return start }
        var start = start
        while start < text.count {
            let (scalar, length) = decodeUTF8(base + start, count: text.count - start)
            guard isWhiteSpace(scalar) else { break }
            start += length
        }
        return start
    }

    /// Whether no word character (the `\w` of regular expressions) touches the range.
    private func standsAlone(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
        guard let base = text.baseAddress else { return true }
        if range.upperBound < text.count {
            let next = decodeUTF8(base + range.upperBound, count: text.count - range.upperBound).scalar
            if isWordCharacter(next) { return false }
        }
        guard range.lowerBound > 0 else { return true }
        var start = range.lowerBound - 1
        while start > 0, range.lowerBound - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
        return !isWordCharacter(decodeUTF8(base + start, count: range.lowerBound - start).scalar)
    }

    private func isWordCharacter(_ code: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(code)?.properties else { return false }
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}
