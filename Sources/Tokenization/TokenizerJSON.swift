/// `tokenizer.json`, the file of the `tokenizers` library, as far as it describes a BERT WordPiece tokenizer.
enum TokenizerJSON {
    static func read(
        _ bytes: [UInt8], path: String, settings: TokenizerSettings
    ) throws(TokenizerError) -> TokenizerDescription {
        let root = try JSONParser.parse(bytes, path: path)
        guard let model = root["model"], model.members != nil else {
            throw TokenizerError(path, "has no \"model\" object; is it a tokenizer file?")
        }
        // Files from before 0.9 lack the type; a WordPiece model is known by its prefix.
        let type = model["type"]?.string ?? (model["continuing_subword_prefix"] == nil ? "unknown" : "WordPiece")
        guard type == "WordPiece", model["merges"] == nil else {
            throw TokenizerError(
                path, "holds a \(type) tokenizer; only WordPiece (BERT) can be used: choose another model")
        }
        var vocabulary = try vocabulary(model, path)
        let options = settings.options(over: try options(root["normalizer"], path))
        try checkPreTokenizer(root["pre_tokenizer"], path)

        var names = settings.names
        if let unknown = model["unk_token"]?.string { names.unknown = unknown }
        var added: [AddedTokens.Token] = []
        for value in root["added_tokens"]?.array ?? [] {
            guard let id = value["id"]?.integer else {
                throw TokenizerError(path, "an entry of added_tokens has no integer \"id\"")
            }
            added.append(try addedToken(value, id: id, &vocabulary, path: path, place: "added_tokens"))
        }
        func id(_ name: String) -> Int32? {
            vocabulary.id(name) ?? added.first { $0.content.elementsEqual(name.utf8) }?.id
        }
        func required(_ name: String, _ role: String) throws(TokenizerError) -> Int32 {
            if let id = id(name) { return id }
            throw TokenizerError(path, "has no token \(name) (the \(role) token); is it a BERT tokenizer, and whole?")
        }
        let unknown = try required(names.unknown, "unknown-word")
        let cls = try required(names.cls, "classification")
        let sep = try required(names.sep, "separator")
        let template = try template(root["post_processor"], cls: cls, sep: sep, count: vocabulary.tokens.count, path)
        return TokenizerDescription(
            vocabulary: vocabulary, options: options, addedTokens: added, template: template, clsID: cls, sepID: sep,
            unknownID: unknown, padID: id(names.pad), maskID: id(names.mask))
    }

    private static func vocabulary(_ model: JSONValue, _ path: String) throws(TokenizerError) -> WordPieceVocabulary {
        var vocabulary = WordPieceVocabulary()
        if let prefix = model["continuing_subword_prefix"], !prefix.isNull {
            guard let bytes = prefix.bytes else {
                throw TokenizerError(path, "continuing_subword_prefix must be a string")
            }
            vocabulary.continuingPrefix = bytes
        }
        if let most = model["max_input_chars_per_word"], !most.isNull {
            guard let most = most.integer, WordPieceVocabulary.wordLengths.contains(most) else {
                let range = WordPieceVocabulary.wordLengths
                throw TokenizerError(
                    path, "max_input_chars_per_word must be from \(range.lowerBound) to \(range.upperBound)")
            }
            vocabulary.mostCharacters = most
        }
        guard let entries = model["vocab"]?.members else {
            throw TokenizerError(path, "model.vocab must be an object of tokens and their ids")
        }
        guard !entries.isEmpty else { throw TokenizerError(path, "model.vocab is empty; fetch the model again") }
        for entry in entries {
            let name = String(decoding: entry.key, as: UTF8.self)
            guard let id = entry.value.integer else {
                throw TokenizerError(path, line: entry.line, "the id of token \(name.debugDescription) is no integer")
            }
            if let conflict = vocabulary.add(entry.key, id: id) {
                throw TokenizerError(
                    path, line: entry.line,
                    "token \(name.debugDescription) with id \(id): \(VocabularyText.reason(conflict, vocabulary))")
            }
        }
        return vocabulary
    }

    private static func options(_ value: JSONValue?, _ path: String) throws(TokenizerError) -> NormalizerOptions {
        guard let value, !value.isNull else {
            return NormalizerOptions(
                cleanText: false, handleChineseCharacters: false, stripAccents: false, lowercase: false)
        }
        if let list = value["normalizers"]?.array, list.count == 1 { return try options(list[0], path) }
        guard value["type"]?.string == "BertNormalizer" else {
            throw TokenizerError(
                path, "has the normalizer \(value["type"]?.string ?? "(none)"); only BertNormalizer can be used")
        }
        func flag(_ key: String) throws(TokenizerError) -> Bool? {
            guard let value = value[key], !value.isNull else { return nil }
            guard let flag = value.bool else {
                throw TokenizerError(path, "normalizer.\(key) must be true, false or null")
            }
            return flag
        }
        return NormalizerOptions(
            cleanText: try flag("clean_text") ?? true,
            handleChineseCharacters: try flag("handle_chinese_chars") ?? true,
            stripAccents: try flag("strip_accents"), lowercase: try flag("lowercase") ?? true)
    }

    private static func checkPreTokenizer(_ value: JSONValue?, _ path: String) throws(TokenizerError) {
        if let list = value?["pretokenizers"]?.array, list.count == 1 { return try checkPreTokenizer(list[0], path) }
        guard value?["type"]?.string == "BertPreTokenizer" else {
            throw TokenizerError(
                path, "has the pre-tokenizer \(value?["type"]?.string ?? "(none)"); only BertPreTokenizer can be used")
        }
    }

    /// One entry of `added_tokens` or `added_tokens_decoder`.
    static func addedToken(
        _ value: JSONValue, id: Int, _ vocabulary: inout WordPieceVocabulary, path: String, place: String
    ) throws(TokenizerError) -> AddedTokens.Token {
        guard let content = value["content"]?.bytes else {
            throw TokenizerError(path, "the entry of \(place) with id \(id) has no string \"content\"")
        }
        let name = String(decoding: content, as: UTF8.self).debugDescription
        if let known = vocabulary.id(content) {
            guard known == id else {
                throw TokenizerError(path, "\(place) gives \(name) the id \(id), the vocabulary gives it \(known)")
            }
        } else if let conflict = vocabulary.reserve(content, id: id) {
            throw TokenizerError(
                path,
                "\(place): token \(name) with id \(id): "
                    + VocabularyText.reason(conflict, vocabulary))
        }
        return AddedTokens.Token(
            content: content, id: Int32(id), singleWord: value["single_word"]?.bool ?? false,
            normalized: value["normalized"]?.bool ?? !(value["special"]?.bool ?? false))
    }

    private static func template(
        _ value: JSONValue?, cls: Int32, sep: Int32, count: Int, _ path: String
    ) throws(TokenizerError) -> EncodingTemplate {
        guard let value, !value.isNull else { return .bert(cls: cls, sep: sep) }
        func checked(_ id: Int?) throws(TokenizerError) -> Int32 {
            guard let id, id >= 0, id < count else {
                throw TokenizerError(path, "post_processor uses a token id that the vocabulary does not have")
            }
            return Int32(id)
        }
        switch value["type"]?.string {
        case "BertProcessing":
            return .bert(
                cls: try checked(value["cls"]?.array?.last?.integer),
                sep: try checked(value["sep"]?.array?.last?.integer))
        case "TemplateProcessing":
            func pieces(_ key: String) throws(TokenizerError) -> [EncodingTemplate.Piece] {
                var pieces: [EncodingTemplate.Piece] = []
                for piece in value[key]?.array ?? [] {
                    if let part = piece["SpecialToken"], let name = part["id"]?.string {
                        var ids: [Int32] = []
                        for id in value["special_tokens"]?[name]?["ids"]?.array ?? [] {
                            ids.append(try checked(id.integer))
                        }
                        guard !ids.isEmpty else {
                            throw TokenizerError(path, "post_processor.special_tokens has no ids for \(name)")
                        }
                        pieces.append(.special(ids: ids, type: Int32(part["type_id"]?.integer == 1 ? 1 : 0)))
                    } else if let part = piece["Sequence"], let name = part["id"]?.string, name == "A" || name == "B" {
                        let type = Int32(part["type_id"]?.integer == 1 ? 1 : 0)
                        pieces.append(name == "A" ? .first(type: type) : .second(type: type))
                    } else {
                        throw TokenizerError(path, "post_processor.\(key) has a piece that is no token or sequence")
                    }
                }
                return pieces
            }
            let result = EncodingTemplate(single: try pieces("single"), pair: try pieces("pair"))
            guard !result.single.isEmpty, !result.pair.isEmpty else {
                throw TokenizerError(path, "post_processor has no template for single texts or for pairs")
            }
            return result
        case let other:
            throw TokenizerError(
                path,
                "has the post-processor \(other ?? "(none)"); only TemplateProcessing and BertProcessing can be used")
        }
    }
}
