import Checkpoint
import Foundation
import Support

/// The files beside a transformer that make its folder one of sentence-transformers, as versions 2 to 6 read them.
extension SentenceModules {
    /// The folder of the module that scales embeddings to length 1.
    static let normalizeFolder = "2_Normalize"
    /// The folder of the classifier on embeddings.
    static func classifierFolder(normalizes: Bool) -> String { normalizes ? "3_Dense" : "2_Dense" }
    static let settingsFile = "sentence_bert_config.json"
    static let ownFile = "config_sentence_transformers.json"

    /// Puts them into a folder whose transformer lies in the folder itself.
    ///
    /// - Parameters:
    ///   - width: Floats of an embedding.
    ///   - maxLength: Tokens of a text at most; nil for what was read.
    ///   - hasClassifier: Whether a linear classifier is the last module; see ``writeClassifier(_:to:family:)``.
    func write(to folder: String, width: Int, maxLength: Int?, hasClassifier: Bool = false) throws(FileError) {
        var modules = [("", "Transformer"), (Self.poolingFolder, "Pooling")]
        if normalizes { modules.append((Self.normalizeFolder, "Normalize")) }
        if hasClassifier { modules.append((Self.classifierFolder(normalizes: normalizes), "Dense")) }
        try write(
            .array(
                modules.enumerated().map { index, module in
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

    /// Whether the classifier of ``PooledClassification`` is among the tensors of a model.
    static func hasClassifier(_ tensors: [TensorToWrite], family: any ModelFamily.Type) -> Bool {
        let stored = family.tensorName(.head(PooledClassification.Part.classifier, .weight))
        return tensors.contains { $0.name == stored }
    }

    /// Writes the classifier of ``PooledClassification`` as the module `Dense`, whose outputs are the logits.
    ///
    /// - Parameter tensors: Those of the model, the classifier's among them.
    func writeClassifier(
        _ tensors: [TensorToWrite], to folder: String, family: any ModelFamily.Type
    ) throws(FileError) {
        var own: [TensorToWrite] = []
        for (part, name) in [(ParameterID.AffinePart.weight, "linear.weight"), (.bias, "linear.bias")] {
            let stored = family.tensorName(.head(PooledClassification.Part.classifier, part))
            guard var tensor = tensors.first(where: { $0.name == stored }) else {
                throw FileError(folder, "the model to be written has no classifier on its embeddings")
            }
            tensor.name = name
            own.append(tensor)
        }
        let place = joinedPath(folder, Self.classifierFolder(normalizes: normalizes))
        try AtomicDirectory.makeFolders(place)
        try SafetensorsWriter.write(own, to: joinedPath(place, "model.safetensors"))
        try write(
            Self.object([
                "in_features": .integer(own[0].shape[1]), "out_features": .integer(own[0].shape[0]),
                "bias": .bool(true), "activation_function": .string("torch.nn.modules.linear.Identity"),
            ]), "config.json", place)
    }

    private static func object(_ members: [String: JSONValue]) -> JSONValue { .object(JSONObject(members)) }

    private func write(_ value: JSONValue, _ name: String, _ folder: String) throws(FileError) {
        try DurableFile.write(Data(value.text.utf8), to: joinedPath(folder, name))
    }
}
