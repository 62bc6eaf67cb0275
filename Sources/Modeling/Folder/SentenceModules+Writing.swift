import Foundation
import Support

/// The files beside a transformer that make its folder one of sentence-transformers, as versions 2 to 6 read them.
extension SentenceModules {
    /// The folder of the module that scales embeddings to length 1.
    static let normalizeFolder = "2_Normalize"
    static let settingsFile = "sentence_bert_config.json"
    static let ownFile = "config_sentence_transformers.json"

    /// Puts them into a folder whose transformer lies in the folder itself.
    ///
    /// - Parameters:
    ///   - width: Floats of an embedding.
    ///   - maxLength: Tokens of a text at most; nil for what was read.
    func write(to folder: String, width: Int, maxLength: Int?) throws(FileError) {
        let modules = [("", "Transformer"), (Self.poolingFolder, "Pooling"), (Self.normalizeFolder, "Normalize")]
        try write(
            .array(
                modules.prefix(normalizes ? 3 : 2).enumerated().map { index, module in
                    Self.object([
                        "idx": .integer(index), "name": .string("\(index)"), "path": .string(module.0),
                        "type": .string("sentence_transformers.models.\(module.1)"),
                    ])
                }), Self.fileName, folder)
        let pooling = joinedPath(folder, Self.poolingFolder)
        try AtomicDirectory.makeFolders(pooling)
        let text = (self.pooling ?? .mean).json(width: width)
        try DurableFile.write(Data(text.utf8), to: joinedPath(pooling, "config.json"))
        if normalizes {
            // The module has no settings, but newer versions look for its file.
            try AtomicDirectory.makeFolders(joinedPath(folder, Self.normalizeFolder))
            try write(Self.object([:]), "\(Self.normalizeFolder)/config.json", folder)
        }
        try write(
            Self.object([
                "max_seq_length": (maxLength ?? self.maxLength).map { .integer($0) } ?? .null,
                "do_lower_case": .bool(false),
            ]), Self.settingsFile, folder)
        try write(
            Self.object([
                "prompts": Self.object(prompts.mapValues { .string($0) }),
                "default_prompt_name": defaultPrompt.map { .string($0) } ?? .null,
                "similarity_fn_name": .string("cosine"),
            ]), Self.ownFile, folder)
    }

    private static func object(_ members: [String: JSONValue]) -> JSONValue { .object(JSONObject(members)) }

    private func write(_ value: JSONValue, _ name: String, _ folder: String) throws(FileError) {
        try DurableFile.write(Data(value.text.utf8), to: joinedPath(folder, name))
    }
}
