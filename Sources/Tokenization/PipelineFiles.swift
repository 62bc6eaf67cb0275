import Support

/// Puts a tokenizer of byte pairs or pieces together from its files, as the class of `transformers` does.
struct PipelineFiles {
    let folder: String
    var settings: TokenizerSettings

    /// From `tokenizer.json`.
    func read(_ root: JSONValue, _ path: String) throws(FileError) -> PipelineDescription {
        let model = root["model"] ?? .null
        let type = model["type"]?.string ?? (model["merges"] == nil ? "Unigram" : "BPE")
        let normalizer = try NormalizerJSON.read(root["normalizer"], path)
        let words = try PreTokenizerJSON(root["pre_tokenizer"], path)
        let own = try TokenizerJSON.ownTokens(root, path)
        let ownSide = try TokenizerJSON.truncatesLeft(root, path)
        switch (type, settings.tokenizerClass) {
        case ("BPE", .general), ("Unigram", .general):
            if type == "BPE" {
                let parts = try BytePairJSON.read(model, path)
                return try general(
                    root, own, parts.vocabulary, normalizer, words,
                    .bytePairs(parts.model(isByteLevel: words.isByteLevel)),
                    unknown: parts.unknownID, ownSide, path)
            }
            guard !words.isByteLevel else {
                throw FileError(path, "has the pre-tokenizer ByteLevel with a Unigram model, which cannot be used")
            }
            let parts = try UnigramJSON.read(model, path)
            return try general(
                root, own, parts.vocabulary, normalizer, words, .unigram(parts.model), unknown: parts.unknownID,
                ownSide,
                path)
        case ("BPE", .roberta):
            let parts = try BytePairJSON.read(model, path)
            func conflict(_ what: String) -> FileError { TokenizerJSON.conflict(what, settings, path) }
            guard normalizer.steps.isEmpty else { throw conflict("a normalizer") }
            guard words.isByteLevel, words.cutter.steps.filter({ $0 != .spaceBefore }) == [.pattern(.gpt2)] else {
                throw conflict("a pre_tokenizer that is not ByteLevel alone")
            }
            guard parts.unknownID == nil else { throw conflict("a model with an unk_token") }
            guard !parts.ignoresMerges, !parts.fallsBackToBytes else {
                throw conflict("a model with ignore_merges or byte_fallback")
            }
            return try roberta(parts, own, ownSide, path, processor: root["post_processor"])
        case ("Unigram", .xlmRoberta), ("Unigram", .camembert):
            var parts = try UnigramJSON.read(model, path)
            try checkSentencePiece(normalizer, words, path)
            if case .precompiled(let map) = normalizer.steps.first { parts.map = map }
            guard !parts.fallsBackToBytes else {
                throw TokenizerJSON.conflict("a model with byte_fallback", settings, path)
            }
            return try sentencePiece(parts, own, ownSide, path, processor: root["post_processor"])
        default:
            throw FileError(
                path,
                "holds a \(type.printable(limit: 60)) tokenizer, which does not fit tokenizer_class "
                    + "\(settings.tokenizerClass.name); to go by this file alone write \"tokenizer_class\": "
                    + "\"PreTrainedTokenizerFast\" into tokenizer_config.json")
        }
    }

    /// The class makes these itself; files may only have forms of them that come to the same with ordinary texts.
    private func checkSentencePiece(
        _ normalizer: TextNormalizer, _ words: PreTokenizerJSON, _ path: String
    ) throws(FileError) {
        for (number, step) in normalizer.steps.enumerated() {
            switch step {
            case .precompiled where number == 0: break
            case .strip(left: _, right: true): break
            case .replace(pattern: [0x20], least: 2, isGreedy: true, content: let content)
            where content == [0x20] || content == Array("▁".utf8): break
            default: throw TokenizerJSON.conflict("a normalizer that is not SentencePiece's", settings, path)
            }
        }
        let steps = words.cutter.steps.filter { $0 != .whitespaceSplit }
        guard steps.count == 1, case .metaspace(replacement: Array("▁".utf8), scheme: _, split: true) = steps[0] else {
            throw TokenizerJSON.conflict("a pre_tokenizer that is not SentencePiece's", settings, path)
        }
    }

    private func general(
        _ root: JSONValue, _ own: [MentionedToken], _ vocabulary: PlainVocabulary, _ normalizer: TextNormalizer,
        _ words: PreTokenizerJSON, _ model: PipelineDescription.Model, unknown: Int32?, _ ownSide: Bool, _ path: String
    ) throws(FileError) -> PipelineDescription {
        var description = PipelineDescription(
            normalizer: normalizer, cutter: words.cutter, model: model, tokens: [], addedTokens: [], template: .bare,
            unknownID: unknown)
        _ = try finish(&description, vocabulary, own, ownSide, path)
        description.template = try PostProcessorJSON.template(
            root["post_processor"], count: description.tokens.count, path, isBertOnly: false)
        return description
    }

    /// RoBERTa's: bytes, GPT-2's pattern, and `<s>` and `</s>` around texts.
    func roberta(
        _ parts: BytePairParts, _ own: [MentionedToken], _ ownSide: Bool, _ path: String, processor: JSONValue? = nil
    ) throws(FileError) -> PipelineDescription {
        var cutter = WordCutter(steps: [.pattern(.gpt2)])
        if settings.addsPrefixSpace ?? false { cutter.steps.insert(.spaceBefore, at: 0) }
        var description = PipelineDescription(
            cutter: cutter, model: .bytePairs(parts.model(isByteLevel: true)), tokens: [], addedTokens: [],
            template: .bare)
        let id = try finish(&description, parts.vocabulary, own, ownSide, path)
        description.template = .roberta(
            cls: try required("cls_token", id, path), sep: try required("sep_token", id, path))
        try check(processor, description, path)
        return description
    }

    /// XLM-RoBERTa's and CamemBERT's: SentencePiece's pieces, and `<s>` and `</s>` around texts.
    func sentencePiece(
        _ parts: UnigramParts, _ own: [MentionedToken], _ ownSide: Bool, _ path: String, processor: JSONValue? = nil
    ) throws(FileError) -> PipelineDescription {
        let scheme: WordCutter.PrependScheme = settings.addsPrefixSpace ?? true ? .always : .never
        let metaspace = WordCutter.Step.metaspace(replacement: Array("▁".utf8), scheme: scheme, split: true)
        var parts = parts
        if settings.tokenizerClass == .xlmRoberta {
            guard parts.scores.count > 3, processor == nil || parts.unknownID == 3 else {
                throw TokenizerJSON.conflict("a model whose unk_id is not 3", settings, path)
            }
            parts.unknownID = 3
        } else {
            let name = settings.name("unk_token")?.content ?? []
            guard parts.vocabulary.id(name) == parts.unknownID || processor == nil else {
                throw TokenizerJSON.conflict("a model whose unk_id is not that of the unk_token", settings, path)
            }
            parts.unknownID = parts.vocabulary.id(name) ?? 0
        }
        var description = PipelineDescription(
            normalizer: TextNormalizer(steps: parts.map.map { [.precompiled($0)] } ?? []),
            cutter: WordCutter(steps: [.whitespaceSplit, metaspace]), model: .unigram(parts.model), tokens: [],
            addedTokens: [], template: .bare, unknownID: parts.unknownID)
        let id = try finish(&description, parts.vocabulary, own, ownSide, path)
        description.template = .roberta(
            cls: try required("bos_token", id, path), sep: try required("eos_token", id, path))
        try check(processor, description, path)
        return description
    }

    private func check(
        _ processor: JSONValue?, _ description: PipelineDescription, _ path: String
    ) throws(FileError) {
        guard let processor else { return }
        let found = try PostProcessorJSON.template(
            processor, count: description.tokens.count, path, isBertOnly: false)
        guard found == description.template else {
            throw TokenizerJSON.conflict("a post_processor that is not RoBERTa's", settings, path)
        }
    }

    private func required(_ role: String, _ id: (String) -> Int32?, _ path: String) throws(FileError) -> Int32 {
        if let id = id(role) { return id }
        let name = settings.name(role)?.name ?? role
        throw FileError(path, "has no token \(name), the \(role); is the vocabulary whole?")
    }

    /// Adds the special tokens, and returns what finds the id of a role.
    private func finish(
        _ description: inout PipelineDescription, _ vocabulary: PlainVocabulary, _ own: [MentionedToken],
        _ ownSide: Bool, _ path: String
    ) throws(FileError) -> (String) -> Int32? {
        var vocabulary = vocabulary
        let special = try SpecialTokens.collect(settings, own: own, &vocabulary)
        let names = settings
        let found = vocabulary
        let id: (String) -> Int32? = { role in
            names.name(role).flatMap { special.id($0.content) ?? found.id($0.content) }
        }
        description.tokens = vocabulary.tokens
        description.addedTokens = special.tokens
        description.clsID = id("cls_token")
        description.sepID = id("sep_token")
        description.padID = id("pad_token")
        description.maskID = id("mask_token")
        description.unknownID = description.unknownID ?? id("unk_token")
        description.truncatesLeft = settings.truncatesLeft ?? ownSide
        let normalizer = description.normalizer
        try TokenizerFiles.checkDifferent(special.tokens.filter(\.normalized), path) { normalizer.apply($0) }
        return id
    }
}
