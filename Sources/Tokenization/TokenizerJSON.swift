import Support

/// `tokenizer.json`, the file of the `tokenizers` library, as far as it describes a BERT WordPiece tokenizer.
enum TokenizerJSON {
    static func read(
        _ bytes: [UInt8], path: String, settings: TokenizerSettings
    ) throws(FileError) -> TokenizerDescription {
        try read(try TokenizerFiles.parse(bytes, path: path), path: path, settings: settings)
    }

    static func read(
        _ root: JSONValue, path: String, settings: TokenizerSettings
    ) throws(FileError) -> TokenizerDescription {
        guard let model = root["model"], model.members != nil else {
            throw FileError(path, "has no \"model\" object; is it a tokenizer file?")
        }
        // Files from before 0.9 lack the type; a WordPiece model is known by its prefix.
        let type = model["type"]?.string ?? (model["continuing_subword_prefix"] == nil ? "unknown" : "WordPiece")
        guard type == "WordPiece", model["merges"] == nil else {
            throw FileError(
                path,
                "holds a \(type.printable(limit: 60)) tokenizer; only WordPiece (BERT) can be used: take another model"
            )
        }
        var vocabulary = try vocabulary(model, path)
        let own = try ownTokens(root, path)
        let special = try SpecialTokens.collect(settings, own: own, &vocabulary)
        let normalizer = try options(root["normalizer"], path)
        try checkPreTokenizer(root["pre_tokenizer"], path)
        func id(_ name: [UInt8]) -> Int32? { vocabulary.id(name) ?? special.id(name) }
        func id(_ role: String) -> Int32? { settings.name(role).flatMap { id($0.content) } }
        func required(_ name: [UInt8]?, _ role: String) throws(FileError) -> Int32 {
            if let name, let id = id(name) { return id }
            let shown = name.map { String(decoding: $0, as: UTF8.self).printable(limit: 60) } ?? ""
            throw FileError(
                path, "has no token \(shown) (the \(role) token); is it a BERT tokenizer, and whole?")
        }
        var (cls, sep) = (id("cls_token"), id("sep_token"))
        let unknownName = model["unk_token"]?.bytes
        let unknown: Int32
        let isGeneral = settings.tokenizerClass == .general
        switch settings.tokenizerClass {
        case .bert, .mpnet, .roberta, .xlmRoberta, .camembert:
            let name = settings.name("unk_token")?.content
            unknown = try required(name, "unknown-word")
            cls = try required(settings.name("cls_token")?.content, "classification")
            sep = try required(settings.name("sep_token")?.content, "separator")
            try checkBert(
                vocabulary, normalizer, model, isOtherUnknown: unknownName != nil && unknownName != name, settings, path
            )
        case .general: unknown = try required(unknownName ?? Array("[UNK]".utf8), "unknown-word")
        }
        let isBert = settings.tokenizerClass == .bert
        let template = try PostProcessorJSON.template(
            root["post_processor"], count: vocabulary.tokens.count, path, isBertOnly: isBert)
        if !isGeneral, let cls, let sep {
            let own: EncodingTemplate = isBert ? .bert(cls: cls, sep: sep) : .roberta(cls: cls, sep: sep)
            guard template == own else {
                throw conflict(
                    root["post_processor"]?.isNull ?? true
                        ? "no post_processor" : "a post_processor that is not \(isBert ? "BERT's" : "RoBERTa's")",
                    settings, path)
            }
        }
        let ownSide = try truncatesLeft(root, path)
        return TokenizerDescription(
            vocabulary: vocabulary, options: settings.options(over: normalizer), addedTokens: special.tokens,
            template: template, clsID: cls, sepID: sep, unknownID: unknown, padID: id("pad_token"),
            maskID: id("mask_token"), truncatesLeft: settings.truncatesLeft ?? ownSide)
    }

    /// What the file has and a BERT class of `transformers` reads past: no reading of it would be right for everyone.
    static func conflict(_ what: String, _ settings: TokenizerSettings, _ path: String) -> FileError {
        FileError(
            path,
            "has \(what), which the class \(settings.tokenizerClass.name) of transformers 5 does not use; to go by this "
                + "file alone write "
                + "\"tokenizer_class\": \"PreTrainedTokenizerFast\" into tokenizer_config.json")
    }

    private static func checkBert(
        _ vocabulary: WordPieceVocabulary, _ normalizer: NormalizerOptions?, _ model: JSONValue, isOtherUnknown: Bool,
        _ settings: TokenizerSettings, _ path: String
    ) throws(FileError) {
        guard vocabulary.continuingPrefix == Array("##".utf8) else {
            throw conflict("a continuing_subword_prefix that is not \"##\"", settings, path)
        }
        guard vocabulary.mostCharacters == 100 else {
            throw conflict("a max_input_chars_per_word that is not 100", settings, path)
        }
        guard let normalizer else { throw conflict("no normalizer", settings, path) }
        guard normalizer.cleanText else { throw conflict("a normalizer with clean_text false", settings, path) }
        guard !isOtherUnknown else {
            throw conflict("an unk_token that is not that of the other files", settings, path)
        }
    }

    static func ownTokens(_ root: JSONValue, _ path: String) throws(FileError) -> [MentionedToken] {
        guard let list = root["added_tokens"], !list.isNull else { return [] }
        guard let values = list.array else { throw FileError(path, "added_tokens must be a list") }
        var tokens: [MentionedToken] = []
        for value in values {
            guard let id = value["id"]?.integer else {
                throw FileError(path, "an entry of added_tokens has no integer \"id\"")
            }
            tokens.append(try MentionedToken(value, id: id, isSpecial: false, path: path, place: "added_tokens"))
        }
        return tokens
    }

    static func truncatesLeft(_ root: JSONValue, _ path: String) throws(FileError) -> Bool {
        guard let direction = root["truncation"]?["direction"], !direction.isNull else { return false }
        guard let name = direction.string, name == "Left" || name == "Right" else {
            throw FileError(path, "truncation.direction must be \"Left\" or \"Right\"")
        }
        return name == "Left"
    }

    private static func vocabulary(_ model: JSONValue, _ path: String) throws(FileError) -> WordPieceVocabulary {
        var vocabulary = WordPieceVocabulary()
        if let prefix = model["continuing_subword_prefix"], !prefix.isNull {
            guard let bytes = prefix.bytes else {
                throw FileError(path, "continuing_subword_prefix must be a string")
            }
            vocabulary.continuingPrefix = bytes
        }
        if let most = model["max_input_chars_per_word"], !most.isNull {
            guard let most = most.integer, WordPieceVocabulary.wordLengths.contains(most) else {
                let range = WordPieceVocabulary.wordLengths
                throw FileError(
                    path, "max_input_chars_per_word must be from \(range.lowerBound) to \(range.upperBound)")
            }
            vocabulary.mostCharacters = most
        }
        guard let entries = model["vocab"]?.members else {
            throw FileError(path, "model.vocab must be an object of tokens and their ids")
        }
        try TokenizerFiles.forEachToken(of: entries, path) { vocabulary.add($0, id: $1) }
        return vocabulary
    }

    /// Nil where the file has no normalizer.
    private static func options(_ value: JSONValue?, _ path: String) throws(FileError) -> NormalizerOptions? {
        guard let value, !value.isNull else { return nil }
        if let list = value["normalizers"]?.array, list.count == 1 { return try options(list[0], path) }
        guard value["type"]?.string == "BertNormalizer" else {
            throw FileError(
                path, "has the normalizer \(named(value)); only BertNormalizer can be used")
        }
        func flag(_ key: String) throws(FileError) -> Bool? {
            guard let value = value[key], !value.isNull else { return nil }
            guard let flag = value.bool else {
                throw FileError(path, "normalizer.\(key) must be true, false or null")
            }
            return flag
        }
        return NormalizerOptions(
            cleanText: try flag("clean_text") ?? true,
            handleChineseCharacters: try flag("handle_chinese_chars") ?? true,
            stripAccents: try flag("strip_accents"), lowercase: try flag("lowercase") ?? true)
    }

    private static func checkPreTokenizer(_ value: JSONValue?, _ path: String) throws(FileError) {
        if let list = value?["pretokenizers"]?.array, list.count == 1 { return try checkPreTokenizer(list[0], path) }
        guard value?["type"]?.string == "BertPreTokenizer" else {
            throw FileError(
                path, "has the pre-tokenizer \(named(value)); only BertPreTokenizer can be used")
        }
    }

    /// How a message calls a part of the tokenizer.
    static func named(_ value: JSONValue?) -> String {
        value?["type"]?.string?.printable(limit: 60) ?? "(none)"
    }
}
