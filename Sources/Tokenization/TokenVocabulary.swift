/// A vocabulary to which tokens can be added.
protocol TokenVocabulary {
    /// How many different tokens there are: what the `tokenizers` library calls the size of the vocabulary.
    var count: Int { get }

    /// The id of exactly this token.
    func id(_ token: some Sequence<UInt8>) -> Int32?

    /// Gives an id a name without making it a part of the model: an added token. Returns why it cannot, if so.
    mutating func reserve(_ token: [UInt8], id: Int) -> WordPieceVocabulary.Conflict?
}

extension WordPieceVocabulary: TokenVocabulary {}

/// Tokens and their ids, as the models of byte pairs and of SentencePiece have them.
struct PlainVocabulary: TokenVocabulary, Sendable {
    private(set) var trie = ByteTrie(roots: 1)
    /// By id; nil where an id has no token.
    private(set) var tokens: [String?] = []
    private(set) var count = 0

    func id(_ token: some Sequence<UInt8>) -> Int32? { trie.find(token, root: 0) }

    mutating func reserve(_ token: [UInt8], id: Int) -> WordPieceVocabulary.Conflict? {
        guard (0...WordPieceVocabulary.highestID).contains(id) else { return .idOutOfRange }
        if id >= tokens.count { tokens += Array(repeating: nil, count: id + 1 - tokens.count) }
        guard tokens[id] == nil else { return .duplicateID }
        tokens[id] = String(decoding: token, as: UTF8.self)
        return nil
    }

    /// Adds a token of the model; returns why it cannot be added, if so. An empty token only takes up its id.
    ///
    /// - Parameter replacing: Whether a token that is there already gets the new id.
    mutating func add(_ token: [UInt8], id: Int, replacing: Bool = false) -> WordPieceVocabulary.Conflict? {
        if let conflict = reserve(token, id: id) { return conflict }
        count += 1
        guard !token.isEmpty else { return nil }
        if let other = trie.insert(token, root: 0, id: Int32(id)) {
            guard replacing else { return .duplicateToken(other) }
            trie.replace(token, root: 0, id: Int32(id))
        }
        return trie.isFull ? .full : nil
    }
}
