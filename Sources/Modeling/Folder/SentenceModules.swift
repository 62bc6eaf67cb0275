import Foundation
import Support

/// What a folder of sentence-transformers says of how texts become embeddings: `modules.json`, and the files that it
/// leads to.
public struct SentenceModules: Sendable, Equatable {
    /// The folder of the transformer within the folder; empty for the folder itself.
    public var transformer = ""
    /// How token embeddings become one; nil where there is no pooling, as in a folder without `modules.json`.
    public var pooling: TokenPooling?
    /// Whether the embedding is scaled to length 1.
    public var normalizes = false
    /// The types of the modules that are not understood, in their order: whoever needs embeddings must refuse them.
    public var unknown: [String] = []
    /// The entries of ``settingsFile`` that are not understood, sorted: the same holds for them.
    public var unknownSettings: [String] = []
    /// Floats of a token's row, as the pooling has it; nil where it does not say.
    public var poolingWidth: Int?
    /// Tokens of a text at most; nil where no file says.
    public var maxLength: Int?
    /// What is put before texts, by name, as `config_sentence_transformers.json` has them.
    public var prompts: [String: String] = [:]
    /// The name of the prompt that counts where none is chosen.
    public var defaultPrompt: String?

    /// A transformer in the folder itself, and nothing else.
    public init() {}

    /// The file that makes a folder one of sentence-transformers.
    static let fileName = "modules.json"
    /// The folder of the pooling module, as sentence-transformers names it.
    public static let poolingFolder = "1_Pooling"

    /// Reads a folder.
    ///
    /// - Returns: Nil where there is no `modules.json`.
    /// - Throws: An error that names the file, the key and what was found; also where there is no transformer at all.
    public static func read(folder: String) throws(FileError) -> SentenceModules? {
        let path = joinedPath(folder, fileName)
        guard try PathKind(path) == .file else { return nil }
        guard let list = try json(path).array, !list.isEmpty, list.count <= 100 else {
            throw FileError(path, "must be a list of modules; fetch the model again")
        }
        var modules = SentenceModules()
        var hasTransformer = false
        for module in list {
            guard let type = module["type"]?.string, let place = module["path"]?.string else {
                throw FileError(path, "a module has no \"type\" or no \"path\"; fetch the model again")
            }
            guard place.isEmpty || isPlainFileName(place) else {
                throw FileError(path, "a module lies in \(quoted(place)), which is no plain name of a folder")
            }
            switch type.split(separator: ".").last.map(String.init) ?? type {
            case _ where !type.hasPrefix("sentence_transformers."): modules.unknown.append(type)
            case "Transformer" where !hasTransformer:
                hasTransformer = true
                modules.transformer = place
            case "Pooling" where modules.pooling == nil && hasTransformer:
                let file = joinedPath(joinedPath(folder, place), "config.json")
                let settings = try json(file)
                modules.pooling = try TokenPooling(settings, path: file)
                modules.poolingWidth = try TokenPooling.width(settings, path: file)
            case "Normalize" where modules.pooling != nil: modules.normalizes = true
            default: modules.unknown.append(type)
            }
        }
        guard hasTransformer else {
            throw FileError(
                path,
                "has no module Transformer, but \(modules.unknown.map { $0.printable(limit: 80) }.joined(separator: ", ")): "
                    + "such a model cannot be used; take another one")
        }
        try modules.readSettings(folder: folder)
        return modules
    }

    /// The folder that holds the transformer of a model folder, of sentence-transformers or not; `folder` itself where
    /// that cannot be known.
    public static func transformerFolder(of folder: String) -> String {
        guard let place = try? read(folder: folder)?.transformer, !place.isEmpty else { return folder }
        return joinedPath(folder, place)
    }

    /// Makes sure that all modules are understood, as embeddings need, and that they go with the model.
    ///
    /// - Parameters:
    ///   - folder: For the message.
    ///   - width: Floats of a token's row of the model.
    public func requireKnown(folder: String, width: Int) throws(FileError) {
        if let type = unknown.first {
            throw FileError(
                joinedPath(folder, Self.fileName),
                "has the module \(quoted(type)); known are one Transformer, one Pooling and one Normalize, in this order"
                    + (type.hasSuffix(".Dense")
                        ? " (for the embeddings of a classifier, give the encoder it was made from)" : "")
            )
        }
        if let entry = unknownSettings.first {
            throw FileError(
                joinedPath(folder, joinedPath(transformer, Self.settingsFile)),
                "has the entry \(quoted(entry)) with a value that is not understood; take it out if it says nothing")
        }
        if let poolingWidth, poolingWidth != width {
            throw FileError(
                joinedPath(folder, Self.poolingFolder),
                "its config.json is for rows of \(poolingWidth) floats, but the model has \(width): they are of two models; "
                    + "fetch the model again")
        }
    }

    /// The entries of ``settingsFile`` of a transformer that are not understood, or whose values are not: all but those
    /// that say what is done anyhow.
    private static func unknownSettings(_ json: JSONValue) -> [String] {
        var unknown: [String] = []
        for (key, value) in (json.members ?? []).map({ ($0.key, $0.value) }) {
            let isUsual: Bool =
                switch key {
                case "max_seq_length", "do_lower_case", "unpad_inputs": true
                case "transformer_task": value.string == "feature-extraction"
                case "module_output_name": value.string == "token_embeddings"
                case "modality_config":
                    value["text"]?["method"]?.string == "forward"
                        && value["text"]?["method_output_name"]?.string == "last_hidden_state"
                default: value.isNull || value.members?.isEmpty ?? false
                }
            if !isUsual { unknown.append(key) }
        }
        return unknown.sorted()
    }

    /// The length, the prompts, and what would change the texts.
    private mutating func readSettings(folder: String) throws(FileError) {
        let settings = joinedPath(joinedPath(folder, transformer), Self.settingsFile)
        if try PathKind(settings) == .file {
            let json = try Self.json(settings)
            unknownSettings = Self.unknownSettings(json)
            if let value = json["max_seq_length"], !value.isNull {
                guard let length = value.integer, length >= 1 else {
                    throw FileError(settings, "max_seq_length is \(value.summary), must be a whole number above 0")
                }
                maxLength = length
            }
            if json["do_lower_case"]?.bool == true, try !Self.lowercases(joinedPath(folder, transformer)) {
                throw FileError(
                    settings,
                    "do_lower_case is true, but the tokenizer keeps capitals: set do_lower_case in "
                        + "tokenizer_config.json to true, and here to false")
            }
        }
        let own = joinedPath(folder, Self.ownFile)
        guard try PathKind(own) == .file else { return }
        let json = try Self.json(own)
        for prompt in json["prompts"]?.members ?? [] {
            guard let text = prompt.value.string else {
                throw FileError(own, "the prompt \(quoted(prompt.key)) is \(prompt.value.summary), must be a string")
            }
            prompts[prompt.key] = text
        }
        defaultPrompt = json["default_prompt_name"]?.string
        if let defaultPrompt, prompts[defaultPrompt] == nil {
            throw FileError(own, "default_prompt_name is \(quoted(defaultPrompt)), but there is no such prompt")
        }
    }

    /// Whether a folder's tokenizer makes letters small itself.
    private static func lowercases(_ folder: String) throws(FileError) -> Bool {
        let path = joinedPath(folder, "tokenizer_config.json")
        guard try PathKind(path) == .file else { return false }
        return try json(path)["do_lower_case"]?.bool ?? false
    }

    private static func json(_ path: String) throws(FileError) -> JSONValue {
        let file = try MappedFile(path: path)
        guard file.count <= 1 << 20 else { throw FileError(path, "is too large for what it should be") }
        do throws(JSONError) {
            return try file.withBytes { bytes throws(JSONError) in try JSONValue(parsing: bytes) }
        } catch {
            throw FileError(path, "not valid JSON: \(error.reason)")
        }
    }
}
