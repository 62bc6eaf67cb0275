import Foundation
import Support

/// Makes the tokenizer of a Hugging Face model folder, of whichever kind it is.
public enum TokenizerFolder {
    /// Loads the tokenizer of a model folder, with the ids that `AutoTokenizer` of `transformers` 5 gives.
    ///
    /// The class is that of `tokenizer_class` (`tokenizer_config.json`, else `config.json`), else the one that goes
    /// with `model_type`. `tokenizer.json` is read if it is there; otherwise the class's own files: `vocab.txt`,
    /// `vocab.json` with `merges.txt`, or `sentencepiece.bpe.model` (else `spiece.model`).
    /// - Throws: an error that names the file, and the line or the key, if something is missing, damaged, or of a kind
    ///   that cannot be used.
    public static func load(_ folder: String) throws(FileError) -> any Tokenizer {
        var settings = try TokenizerSettings(folder: folder, isBertOnly: false)
        let json = folder + "/tokenizer.json"
        guard let bytes = try TokenizerFiles.read(json) else { return try loadFamily(folder, &settings) }
        // The general class has the file read by the `tokenizers` library, the other ones read the scores in Python.
        let isOwn = settings.namesClass && [.xlmRoberta, .camembert].contains(settings.tokenizerClass)
        let root = try TokenizerFiles.parse(bytes, path: json, rounding: isOwn ? .nearest : .serde)
        guard let model = root["model"], model.members != nil else {
            throw FileError(json, "has no \"model\" object; is it a tokenizer file?")
        }
        switch model["type"]?.string ?? (model["merges"] == nil ? nil : "BPE") {
        case "BPE", "Unigram":
            if !settings.namesClass { settings = try TokenizerSettings(folder: folder, assuming: .general) }
            try settings.readPrefixSpace()
            return PipelineTokenizer(try PipelineFiles(folder: folder, settings: settings).read(root, json))
        default:
            let isWordPiece = [.bert, .mpnet, .general].contains(settings.tokenizerClass)
            guard isWordPiece || model["type"]?.string != "WordPiece" else {
                throw FileError(
                    json,
                    "holds a WordPiece tokenizer, which does not fit tokenizer_class \(settings.tokenizerClass.name)")
            }
            let description = try TokenizerJSON.read(root, path: json, settings: settings)
            return BertTokenizer(try TokenizerFiles.checked(description, json))
        }
    }

    /// From the files of a family, where there is no `tokenizer.json`.
    private static func loadFamily(
        _ folder: String, _ settings: inout TokenizerSettings
    ) throws(FileError) -> any Tokenizer {
        if !settings.namesClass, !exists(folder + "/vocab.txt"), exists(folder + "/vocab.json") {
            settings = try TokenizerSettings(folder: folder, assuming: .roberta)
        }
        try settings.readPrefixSpace()
        switch settings.tokenizerClass {
        case .bert, .mpnet, .general:
            let text = folder + "/vocab.txt"
            guard let bytes = try TokenizerFiles.read(text) else { throw nothing(folder, settings) }
            let description = try VocabularyText.read(bytes, path: text, settings: settings)
            return BertTokenizer(try TokenizerFiles.checked(description, text))
        case .roberta:
            guard let parts = try BytePairText.read(folder) else { throw nothing(folder, settings) }
            let files = PipelineFiles(folder: folder, settings: settings)
            return PipelineTokenizer(try files.roberta(parts, [], false, folder + "/vocab.json"))
        case .xlmRoberta, .camembert:
            guard let path = SentencePieceFile.names.map({ "\(folder)/\($0)" }).first(where: exists),
                let bytes = try TokenizerFiles.read(path, limit: SentencePieceFile.mostBytes)
            else { throw nothing(folder, settings) }
            let file = try SentencePieceFile(bytes, path: path)
            let parts = try SentencePieceVocabulary.parts(file, settings, path)
            for token in try file.addedTokens(path) { settings.addExtra(token) }
            let files = PipelineFiles(folder: folder, settings: settings)
            return PipelineTokenizer(try files.sentencePiece(parts, [], false, path))
        }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func nothing(_ folder: String, _ settings: TokenizerSettings) -> FileError {
        let own: String =
            switch settings.tokenizerClass {
            case .bert, .mpnet: "vocab.txt"
            case .general: "another file that the general class reads"
            case .roberta: "vocab.json with merges.txt"
            case .xlmRoberta, .camembert: "sentencepiece.bpe.model nor spiece.model"
            }
        for name in SentencePieceFile.names + ["tokenizer.model"] where exists("\(folder)/\(name)") {
            return FileError(
                folder,
                "has \(name), but neither tokenizer.json nor \(own) of tokenizer_class \(settings.tokenizerClass.name); "
                    + "load it with transformers and save it with save_pretrained, which writes tokenizer.json")
        }
        let advice = ModelFolderAdvice.advice(for: folder) ?? "give a Hugging Face model folder"
        return FileError(folder, "has neither tokenizer.json nor \(own); \(advice)")
    }
}
