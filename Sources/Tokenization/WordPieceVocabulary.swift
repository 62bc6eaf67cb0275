/// The pieces of words and their ids.
struct WordPieceVocabulary: Sendable {
    /// Root of the trie for the start of a word; holds every token as it is written.
    static let initialRoot: UInt32 = 0
    /// Root for the rest of a word; holds the tokens that have the prefix ("##"), without it.
    static let continuingRoot: UInt32 = 1
    /// Bounds of `max_input_chars_per_word`, which sizes a buffer.
    static let wordLengths = 1...10_000

    private(set) var trie = ByteTrie(roots: 2)
    /// By id; nil where an id has no token.
    private(set) var tokens: [String?] = []
    /// How many different tokens there are: what the `tokenizers` library calls the size of the vocabulary.
    private(set) var count = 0
    private var hasEmptyToken = false
    var continuingPrefix = Array("##".utf8)
    var mostCharacters = 100

    enum Conflict: Equatable {
        case duplicateToken(Int32)
        case duplicateID
        case idOutOfRange
        case full
    }

    /// Ids up to here; far above any vocabulary, low enough that a damaged file cannot make us allocate much.
    static let highestID = 1 << 24

    func id(_ token: some Sequence<UInt8>) -> Int32? { trie.find(token, root: 0) }

    func id(_ token: String) -> Int32? { trie.find(token.utf8, root: 0) }

    /// Adds a token; returns why it cannot be added, if so. An empty token only takes up its id.
    ///
    /// - Parameter replacing: Whether a token that is there already gets the new id.
    mutating func add(_ token: [UInt8], id: Int, replacing: Bool = false) -> Conflict? {
        if let conflict = reserve(token, id: id) { return conflict }
        guard !token.isEmpty else {
            if !hasEmptyToken { count += 1 }
            hasEmptyToken = true
            return nil
        }
        if let other = insert(token[...], root: Self.initialRoot, id: id, replacing) { return .duplicateToken(other) }
        if token.starts(with: continuingPrefix), token.count > continuingPrefix.count {
            let rest = token.dropFirst(continuingPrefix.count)
            if let other = insert(rest, root: Self.continuingRoot, id: id, replacing) { return .duplicateToken(other) }
        }
        return trie.isFull ? .full : nil
    }

    private mutating func insert(_ key: ArraySlice<UInt8>, root: UInt32, id: Int, _ replacing: Bool) -> Int32? {
        guard let other = trie.insert(key, root: Int(root), id: Int32(id)) else {
            if root == Self.initialRoot { count += 1 }
            return nil
        }
        guard replacing else { return other }
        trie.replace(key, root: Int(root), id: Int32(id))
        return nil
    }

    /// Gives an id a name without making it a piece of words: an added token outside the model's vocabulary.
    mutating func reserve(_ token: [UInt8], id: Int) -> Conflict? {
        guard (0...Self.highestID).contains(id) else { return .idOutOfRange }
        if id >= tokens.count { tokens += Array(repeating: nil, count: id + 1 - tokens.count) }
        guard tokens[id] == nil else { return .duplicateID }
        tokens[id] = String(decoding: token, as: UTF8.self)
        return nil
    }
}
