import Foundation
import Support

/// config.json and back. What any family's file may hold is handled here, the rest by the family.
extension ModelConfiguration {
    /// Reads a `config.json`.
    ///
    /// - Parameter registry: The families that are known.
    /// - Throws: An error that names the file and the entry: a model type that is not known, an impossible size.
    public init(path: String, registry: ModelRegistry = .standard) throws(FileError) {
        let file = try MappedFile(path: path)
        guard file.count <= 16 << 20 else { throw FileError(path, "too large for a config.json") }
        try self.init(json: file.withBytes { Data($0) }, path: path, registry: registry)
    }

    /// Reads the contents of a `config.json`.
    ///
    /// - Parameter path: The file, for error messages.
    /// - Throws: An error that names the file, the key and what was found.
    public init(json data: Data, path: String, registry: ModelRegistry = .standard) throws(FileError) {
        let parsed = data.withUnsafeBytes { bytes -> Result<JSONValue, JSONError> in
            Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
        }
        if case .failure = parsed, let advice = data.withUnsafeBytes({ ForeignContent.advice($0) }) {
            throw FileError(path, advice)
        }
        switch parsed {
        case .failure(let error): throw FileError(path, "not valid JSON: \(error.reason)")
        case .success(.object(let object)):
            try self.init(ConfigurationReader(entries: object.dictionary, path: path), registry: registry)
        case .success(let value):
            throw FileError(path, "must be a JSON object, found \(value.summary)")
        }
    }

    private init(_ config: ConfigurationReader, registry: ModelRegistry) throws(FileError) {
        let family = try registry.family(config)
        for key in Self.switches { try config.require(key, .bool(false)) }
        for key in ["pruned_heads", "quantization_config"] { try config.require(key, .object([:])) }
        guard !config.has("auto_map") else {
            throw config.failure("has auto_map: a model with code of its own, which cannot be used")
        }
        self.init(
            family: family, try family.read(config),
            entries: config.entries.filter { !Self.sharedKeys.contains($0.key) && !Self.staleKeys.contains($0.key) })
        try readClasses(config)
        adapter = try Self.adapter(config)
    }

    /// The contents of a `config.json` for a classifier of `transformers` in float32, keys sorted.
    public func json() -> Data { Data(JSONValue.object(JSONObject(written)).text.utf8) }

    /// Checks that what is written can be read again and says the same.
    ///
    /// - Throws: An error that names `path` and the key.
    public func validate(path: String = "config.json") throws(FileError) {
        try checkClasses(path: path)
        guard try family.read(ConfigurationReader(entries: written, path: path)) == model else {
            throw FileError(path, "a model of model_type \(quoted(modelType)) cannot have this encoder")
        }
    }

    private var written: [String: JSONValue] {
        var entries = entries
        family.write(model, into: &entries)
        writeClasses(into: &entries)
        writeAdapter(into: &entries)
        // The number format of the file: transformers 5 loads in it by default, 4 shows it.
        entries["torch_dtype"] = .string("float32")
        return entries
    }

    /// The family's name for what it is.
    var modelType: String { entries["model_type"]?.string ?? "" }

    /// What makes it another kind of model.
    private static let switches = ["is_decoder", "add_cross_attention", "is_encoder_decoder"]

    /// Keys that are read here for all families: they are written anew, or say what holds without them.
    private static let sharedKeys = Set(switches + ["id2label", "label2id", "num_labels"])

    /// Keys about the old model's task, its place, its number format and its code, none of which is true of ours.
    private static let staleKeys: Set<String> = [
        "architectures", "problem_type", "finetuning_task", "task_specific_params", "_name_or_path", "name_or_path",
        "_num_labels", "transformers_version", "torch_dtype", "dtype", "auto_map", "pruned_heads",
        "quantization_config", "sentence_transformers", "loss_type",
    ]
}

extension ModelRegistry {
    /// The family of a config.json, by its `model_type`.
    ///
    /// - Throws: An error that names the file, the type and those that are known.
    func family(_ config: ConfigurationReader) throws(FileError) -> any ModelFamily.Type {
        let found = config.entries["model_type"]
        if case .string(let type)? = found,
            let family = families.first(where: { $0.modelTypes.contains { $0.key == type } })
        {
            return family
        }
        let known = families.flatMap { $0.modelTypes.map { quoted($0.key) } }
        throw config.failure(
            "model_type is \(found?.summary ?? "missing"), only \(known.joined(separator: ", ")) "
                + (known.count == 1 ? "is supported" : "are supported"))
    }
}
