import Support

/// Puts together the tokens that are sought in the text before words are: those of the files, with their ids.
///
/// New tokens get ids as the `tokenizers` library gives them: the next after the vocabulary, one by one.
struct SpecialTokens {
    private(set) var tokens: [AddedTokens.Token] = []
    private var contents: [[UInt8]: Int] = [:]
    /// The highest id of those that are there.
    private var highest: Int?
    /// A name that the vocabulary lacks: `transformers` would give it an id for which the model has no row.
    private var absent: MentionedToken?

    /// The id of a token that was added.
    func id(_ content: [UInt8]) -> Int32? { contents[content].map { tokens[$0].id } }

    /// Adds a token, or, if it is there already, gives it other flags.
    mutating func add(_ token: MentionedToken, to vocabulary: inout some TokenVocabulary) throws(FileError) {
        guard !token.content.isEmpty else { return }
        guard token.content.count <= TokenizerFiles.mostTokenBytes else {
            throw FileError(token.path, "\(token.place): a token of \(token.content.count) bytes is too long")
        }
        let next = highest.map { $0 >= vocabulary.count ? $0 + 1 : vocabulary.count } ?? vocabulary.count
        let known = vocabulary.id(token.content).map { Int($0) } ?? id(token.content).map { Int($0) }
        let id = known ?? token.id ?? next
        if let known, let given = token.id, known != given {
            throw FileError(
                token.path, "\(token.place) gives \(token.name) the id \(given), the vocabulary gives it \(known)")
        }
        if known == nil {
            if token.id == nil, let absent {
                throw FileError(
                    token.path,
                    "\(token.place): the id of \(token.name) is unclear, because the vocabulary lacks \(absent.name) "
                        + "(\(absent.place)); list both in added_tokens_decoder with their ids")
            }
            if let conflict = vocabulary.reserve(token.content, id: id) {
                throw FileError(
                    token.path,
                    "\(token.place): token \(token.name) with id \(id): "
                        + VocabularyText.reason(conflict))
            }
            guard id == next else {
                throw FileError(
                    token.path,
                    "\(token.place): token \(token.name) with id \(id): new tokens follow the vocabulary, so it must "
                        + "be \(next); save the tokenizer again with transformers")
            }
        }
        let made = AddedTokens.Token(
            content: token.content, id: Int32(id), singleWord: token.singleWord, stripsLeft: token.stripsLeft,
            stripsRight: token.stripsRight, normalized: token.normalized)
        if let place = contents[token.content] {
            tokens[place] = made
        } else {
            contents[token.content] = tokens.count
            tokens.append(made)
        }
        highest = max(highest ?? id, id)
    }

    /// Adds a special token by name. One that the vocabulary lacks stays plain text: the model has no row for it.
    mutating func addName(_ token: MentionedToken, to vocabulary: inout some TokenVocabulary) throws(FileError) {
        guard !contains(token) else { return }
        guard vocabulary.id(token.content) != nil else {
            absent = absent ?? token
            return
        }
        try add(token, to: &vocabulary)
    }

    func contains(_ token: MentionedToken) -> Bool { contents[token.content] != nil }

    /// Adds all that the settings name, in the order of `transformers`, and makes sure that none was passed over.
    ///
    /// - Parameter own: `added_tokens` of `tokenizer.json`.
    static func collect(
        _ settings: TokenizerSettings, own: [MentionedToken], _ vocabulary: inout some TokenVocabulary
    ) throws(FileError) -> SpecialTokens {
        var result = SpecialTokens()
        let ownIsUnread = settings.hasDecoder && settings.tokenizerClass != .general
        if !ownIsUnread { for token in own { try result.add(token, to: &vocabulary) } }
        for token in settings.addedTokens where settings.hasDecoder || !result.contains(token) {
            try result.add(token, to: &vocabulary)
        }
        let usual = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
        for (role, token) in settings.names {
            if usual.contains(role) {
                try result.addName(token, to: &vocabulary)
            } else if !result.contains(token) {
                try result.add(token, to: &vocabulary)
            }
        }
        for token in settings.extraTokens where !result.contains(token) { try result.add(token, to: &vocabulary) }
        for token in settings.unread + (ownIsUnread ? own : []) where !result.contains(token) {
            throw FileError(
                token.path,
                "\(token.place) has the token \(token.name), which transformers does not read there: add it to "
                    + "added_tokens_decoder or extra_special_tokens of tokenizer_config.json, or remove it")
        }
        return result
    }
}
