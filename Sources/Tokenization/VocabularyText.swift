import Support

/// `vocab.txt`: one token per line, its id the number of the line, counted from 0.
enum VocabularyText {
    static func read(
        _ bytes: [UInt8], path: String, settings: TokenizerSettings
    ) throws(FileError) -> TokenizerDescription {
        guard settings.tokenizerClass != .general else {
            throw FileError(
                settings.configurationPath,
                "tokenizer_class is the general one, which needs a tokenizer.json; there is only vocab.txt")
        }
        var vocabulary = try vocabulary(bytes, path)
        let special = try SpecialTokens.collect(settings, own: [], &vocabulary)
        func id(_ role: String) -> Int32? {
            settings.name(role).flatMap { vocabulary.id($0.content) ?? special.id($0.content) }
        }
        func required(_ role: String, _ what: String) throws(FileError) -> Int32 {
            if let id = id(role) { return id }
            let name = settings.name(role).map { String(decoding: $0.content, as: UTF8.self).printable(limit: 60) }
            throw FileError(
                path, "has no token \(name ?? role) (the \(what) token); is it a BERT vocabulary, and whole?")
        }
        let unknown = try required("unk_token", "unknown-word")
        let cls = try required("cls_token", "classification")
        let sep = try required("sep_token", "separator")
        return TokenizerDescription(
            vocabulary: vocabulary, options: settings.options(over: nil), addedTokens: special.tokens,
            template: settings.tokenizerClass == .mpnet ? .roberta(cls: cls, sep: sep) : .bert(cls: cls, sep: sep),
            clsID: cls, sepID: sep, unknownID: unknown, padID: id("pad_token"),
            maskID: id("mask_token"), truncatesLeft: settings.truncatesLeft ?? false)
    }

    private static func vocabulary(_ bytes: [UInt8], _ path: String) throws(FileError) -> WordPieceVocabulary {
        var vocabulary = WordPieceVocabulary()
        var number = 0
        var start = 0
        var isEmpty = true
        while start < bytes.count {
            let limit = min(bytes.count, start + TokenizerFiles.mostTokenBytes)
            guard let end = bytes[start..<limit].firstIndex(of: 0x0A) ?? (limit == bytes.count ? limit : nil) else {
                throw FileError(
                    path, line: number + 1,
                    "is longer than \(TokenizerFiles.mostTokenBytes) bytes; is it one token per line?")
            }
            let line = Array(bytes[start..<end])
            guard isValidUTF8(line) else { throw FileError(path, line: number + 1, "is not UTF-8") }
            let token = trimmed(line[...])
            isEmpty = isEmpty && token.isEmpty
            // Of equal tokens the last one counts, as in the reference.
            if let conflict = vocabulary.add(token, id: number, replacing: true) {
                throw FileError(path, line: number + 1, reason(conflict))
            }
            number += 1
            start = end + 1
        }
        guard !isEmpty else { throw FileError(path, "holds no tokens; fetch the model again") }
        return vocabulary
    }

    /// The line without white space at its end, which the reference trims.
    private static func trimmed(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var scalars = Substring(decoding: line, as: UTF8.self).unicodeScalars
        while let last = scalars.last, UnicodeSets.shared.isWhitespace(last.value) { scalars.removeLast() }
        return Array(Substring(scalars).utf8)
    }

    static func reason(_ conflict: WordPieceVocabulary.Conflict) -> String {
        switch conflict {
        case .duplicateToken(let id): return "this token has id \(id) already; each may stand there once"
        case .duplicateID: return "another token has this id already"
        case .idOutOfRange: return "ids must be from 0 to \(WordPieceVocabulary.highestID)"
        case .full: return "the vocabulary is larger than the 16 million prefixes that there is room for"
        }
    }
}

/// Whether the bytes are well-formed UTF-8.
func isValidUTF8(_ bytes: [UInt8]) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
}
