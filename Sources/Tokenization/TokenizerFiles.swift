import Foundation
import Support

/// Reads the tokenizer files of a Hugging Face model folder.
enum TokenizerFiles {
    /// The most bytes that a tokenizer file may have; the largest real ones are some 20 MB.
    private static let mostBytes = 256 << 20

    static func load(_ folder: String) throws(TokenizerError) -> TokenizerDescription {
        let settings = try TokenizerSettings(folder: folder)
        let json = folder + "/tokenizer.json"
        if let bytes = try read(json) { return try TokenizerJSON.read(bytes, path: json, settings: settings) }
        let text = folder + "/vocab.txt"
        if let bytes = try read(text) { return try VocabularyText.read(bytes, path: text, settings: settings) }
        throw TokenizerError(folder, "has neither tokenizer.json nor vocab.txt; give a Hugging Face BERT model folder")
    }

    /// The bytes of a file; nil if there is none.
    static func read(_ path: String) throws(TokenizerError) -> [UInt8]? {
        do throws(RegularFile.Problem) {
            return try RegularFile.readIfPresent(path, limit: mostBytes).map { [UInt8]($0) }
        } catch {
            throw TokenizerError(path, error.reason)
        }
    }
}

/// What `tokenizer_config.json` and `special_tokens_map.json` say.
struct TokenizerSettings {
    var names = SpecialTokenNames()
    /// What `tokenizer_config.json` says about the normalizer.
    private var overrides = NormalizerOverrides()
    /// Whether `tokenizer_config.json` names a class that takes everything from `tokenizer.json`.
    private var usesJSONOnly = false
    /// `added_tokens_decoder`, by id.
    var addedTokens: [(id: Int, value: JSONValue)] = []
    /// The file that `addedTokens` stand in.
    let configurationPath: String

    init(folder: String) throws(TokenizerError) {
        configurationPath = folder + "/tokenizer_config.json"
        // The second file read wins; the names agree wherever both have them.
        for path in [folder + "/special_tokens_map.json", configurationPath] {
            guard let bytes = try TokenizerFiles.read(path) else { continue }
            let root = try JSONParser.parse(bytes, path: path)
            guard root.members != nil else { throw TokenizerError(path, "holds no JSON object") }
            try readNames(root, path)
            if path == configurationPath { try readOptions(root) }
        }
    }

    /// The options of `vocab.txt`, which has none of its own.
    var options: NormalizerOptions { overrides.applied(to: NormalizerOptions()) }

    /// What to do where `tokenizer.json` says `options`.
    ///
    /// In `transformers` the BERT classes build the normalizer anew from `tokenizer_config.json`, so that a setting there
    /// wins; only the general class leaves the file as it is. Settings that are missing stay as the file has them.
    func options(over options: NormalizerOptions) -> NormalizerOptions {
        usesJSONOnly ? options : overrides.applied(to: options)
    }

    private mutating func readNames(_ root: JSONValue, _ path: String) throws(TokenizerError) {
        let keys: [(String, WritableKeyPath<SpecialTokenNames, String>)] = [
            ("unk_token", \.unknown), ("cls_token", \.cls), ("sep_token", \.sep), ("pad_token", \.pad),
            ("mask_token", \.mask),
        ]
        for (key, field) in keys {
            guard let value = root[key], !value.isNull else { continue }
            guard let name = value.string ?? value["content"]?.string, !name.isEmpty else {
                throw TokenizerError(path, "\(key) must be a string or an object with \"content\"")
            }
            names[keyPath: field] = name
        }
    }

    private mutating func readOptions(_ root: JSONValue) throws(TokenizerError) {
        func flag(_ key: String) throws(TokenizerError) -> Bool? {
            guard let value = root[key], !value.isNull else { return nil }
            guard let flag = value.bool else {
                throw TokenizerError(configurationPath, "\(key) must be true, false or null")
            }
            return flag
        }
        overrides.lowercase = try flag("do_lower_case")
        overrides.stripAccents = root["strip_accents"] == nil ? .none : .some(try flag("strip_accents"))
        overrides.handleChineseCharacters = try flag("tokenize_chinese_chars")
        let name = root["tokenizer_class"]?.string
        usesJSONOnly = name == "PreTrainedTokenizerFast" || name == "TokenizersBackend"
        for member in root["added_tokens_decoder"]?.members ?? [] {
            guard let id = Int(String(decoding: member.key, as: UTF8.self)) else {
                throw TokenizerError(
                    configurationPath, line: member.line, "added_tokens_decoder has a key that is not a token id")
            }
            addedTokens.append((id, member.value))
        }
    }
}
