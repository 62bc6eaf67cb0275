/// `vocab.txt`: a token a line, its id the number of the line, counted from 0.
enum VocabularyText {
    static func read(
        _ bytes: [UInt8], path: String, settings: TokenizerSettings
    ) throws(TokenizerError) -> TokenizerDescription {
        var vocabulary = WordPieceVocabulary()
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.contains(where: { !$0.isEmpty }) else {
            throw TokenizerError(path, "holds no tokens; fetch the model again")
        }
        for (index, line) in lines.enumerated() {
            guard isValidUTF8(Array(line)) else { throw TokenizerError(path, line: index + 1, "is not UTF-8") }
            if let conflict = vocabulary.add(trimmed(line), id: index) {
                throw TokenizerError(path, line: index + 1, reason(conflict, vocabulary))
            }
        }

        let names = settings.names
        let (unknown, cls, sep) = try requiredIDs(vocabulary, names, path: path)
        var added = try addedTokens(settings, &vocabulary)
        for name in names.all {
            // A special token that the vocabulary lacks has no row in the embedding: it is plain text.
            guard let id = vocabulary.id(name), !added.contains(where: { $0.id == id }) else { continue }
            added.append(.init(content: Array(name.utf8), id: id))
        }
        return TokenizerDescription(
            vocabulary: vocabulary, options: settings.options, addedTokens: added,
            template: .bert(cls: cls, sep: sep), clsID: cls, sepID: sep, unknownID: unknown,
            padID: vocabulary.id(names.pad), maskID: vocabulary.id(names.mask))
    }

    /// The line without white space at its end, which the reference trims.
    private static func trimmed(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var scalars = Substring(decoding: line, as: UTF8.self).unicodeScalars
        while let last = scalars.last, UnicodeSets.shared.isWhitespace(last.value) { scalars.removeLast() }
        return Array(Substring(scalars).utf8)
    }

    static func reason(_ conflict: WordPieceVocabulary.Conflict, _ vocabulary: WordPieceVocabulary) -> String {
        switch conflict {
        case .duplicateToken(let id): return "this token has id \(id) already; each may stand there once"
        case .duplicateID: return "another token has this id already"
        case .idOutOfRange: return "ids must be from 0 to \(WordPieceVocabulary.highestID)"
        case .full: return "the vocabulary is larger than the 16 million prefixes that there is room for"
        }
    }

    /// The three tokens that nothing works without.
    static func requiredIDs(
        _ vocabulary: WordPieceVocabulary, _ names: SpecialTokenNames, path: String
    ) throws(TokenizerError) -> (unknown: Int32, cls: Int32, sep: Int32) {
        func find(_ name: String, _ role: String) throws(TokenizerError) -> Int32 {
            if let id = vocabulary.id(name) { return id }
            throw TokenizerError(
                path, "has no token \(name) (the \(role) token); is it a BERT vocabulary, and whole?")
        }
        return (
            try find(names.unknown, "unknown-word"), try find(names.cls, "classification"),
            try find(names.sep, "separator")
        )
    }

    /// The tokens of `added_tokens_decoder`; those that the vocabulary lacks take up their ids.
    private static func addedTokens(
        _ settings: TokenizerSettings, _ vocabulary: inout WordPieceVocabulary
    ) throws(TokenizerError) -> [AddedTokens.Token] {
        var tokens: [AddedTokens.Token] = []
        for (id, value) in settings.addedTokens {
            let token = try TokenizerJSON.addedToken(
                value, id: id, &vocabulary, path: settings.configurationPath, place: "added_tokens_decoder")
            tokens.append(token)
        }
        return tokens
    }
}
