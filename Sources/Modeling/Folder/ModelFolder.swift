import Checkpoint
import Foundation
import Support

/// A model folder of Hugging Face `transformers`: `config.json`, the weights (see `WeightsFormat`), the tokenizer's
/// files.
public struct ModelFolder: Sendable {
    /// The folder that was given.
    public let root: String
    /// The folder of config.json, the weights and the tokenizer: the one that was given, or in a folder of
    /// sentence-transformers that of its transformer.
    public let path: String
    /// What `modules.json` says, in a folder of sentence-transformers.
    public let sentenceModules: SentenceModules?
    /// Its `config.json`.
    public let configuration: ModelConfiguration

    /// The files that make up a tokenizer; those that are there are copied along with a model.
    public static let tokenizerFiles =
        vocabularyFiles + ["merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]

    /// One of these holds the tokenizer's vocabulary.
    private static let vocabularyFiles = ["vocab.txt", "tokenizer.json", "vocab.json", "sentencepiece.bpe.model"]

    private static let configurationFile = CheckpointFolder.configurationFile
    private static let weightsFile = CheckpointFolder.weightsFile

    /// Opens a folder, reads its configuration, and looks whether there are weights.
    ///
    /// - Parameters:
    ///   - registry: The families that are known.
    ///   - requiresWeights: Whether there must be weights.
    /// - Throws: An error that names the folder or file, and what to do.
    public init(
        path: String, registry: ModelRegistry = .standard, requiresWeights: Bool = true
    ) throws(FileError) {
        let root = withoutTrailingSlash(path)
        switch try PathKind(root) {
        case .nothing:
            throw FileError(root, "no such model folder; `\(CommandName.current) fetch` lists models to start from")
        case .file: throw FileError(root, "not a folder; give the folder that holds config.json")
        case .folder: break
        }
        self.root = root
        sentenceModules = try SentenceModules.read(folder: root)
        let transformer = sentenceModules?.transformer ?? ""
        let folder = transformer.isEmpty ? root : joinedPath(root, transformer)
        self.path = folder
        let config = joinedPath(folder, Self.configurationFile)
        guard try PathKind(config) != .nothing else {
            let advice =
                ModelFolderAdvice.advice(for: folder) ?? "a model folder holds config.json and model.safetensors"
            throw FileError(config, "missing; \(advice)")
        }
        var configuration = try ModelConfiguration(path: config, registry: registry)
        configuration.sentenceModules = sentenceModules
        self.configuration = configuration
        if requiresWeights { _ = try weightsFile() }
    }

    /// Its family, which names its tensors.
    public var family: any ModelFamily.Type { configuration.family }

    /// `vocab_size` of a folder's config.json, of whatever kind of model; nil where it cannot be known.
    public static func vocabularySize(folder: String) -> Int? {
        guard let file = try? MappedFile(path: joinedPath(folder, configurationFile)), file.count <= 16 << 20,
            case .object(let object)? = try? file.withBytes({ try JSONValue(parsing: $0) })
        else { return nil }
        return object["vocab_size"]?.integer
    }

    /// Makes sure that no adapter stands beside the weights, unmerged, as in a checkpoint of a run with `--lora`: where
    /// it would be left out.
    ///
    /// - Throws: An error that names the folder, and what to give in its place.
    public func requireMerged() throws(FileError) {
        guard configuration.adapter != nil else { return }
        throw FileError(
            root,
            "is a checkpoint of a run with --lora, whose adapter is not merged: give the model/ of that run, or its --model "
                + "with its adapter/ as --adapter")
    }

    /// Makes sure that the labels in config.json can be used.
    ///
    /// - Throws: An error that names config.json and the entry.
    public func requireLabels() throws(FileError) { try configuration.requireLabels(path: configurationPath) }

    /// Its config.json.
    public var configurationPath: String { joinedPath(path, Self.configurationFile) }

    /// The file of the weights, or the index of its shards; the first kind that is there.
    private func weightsFile() throws(FileError) -> (format: WeightsFormat, path: String) {
        for format in WeightsFormat.allCases {
            let file = joinedPath(path, format.fileName)
            if try PathKind(file) != .nothing { return (format, file) }
        }
        let weights = joinedPath(path, Self.weightsFile)
        for old in ["tf_model.h5", "flax_model.msgpack"] where try PathKind(joinedPath(path, old)) != .nothing {
            throw FileError(weights, "missing: only \(old) is there; convert it with save_pretrained of transformers")
        }
        for (other, what) in [
            (
                "adapter_model.safetensors",
                "an adapter is there: give the folder of its model, and this one as --adapter, or merge the two by `\(CommandName.current) merge`"
            ),
            (
                "adapter_config.json",
                "an adapter is there: give the folder of its model, and this one as --adapter, or merge the two by `\(CommandName.current) merge`"
            ),
            ("onnx", "only an ONNX model is there, which cannot be trained: take the folder it was made from"),
            ("model.onnx", "only an ONNX model is there, which cannot be trained: take the folder it was made from"),
        ] where try PathKind(joinedPath(path, other)) != .nothing {
            throw FileError(weights, "missing: \(what)")
        }
        throw FileError(
            weights, "missing; a model folder holds config.json and model.safetensors, or pytorch_model.bin")
    }

    /// Maps the weights: of the files that are there, the first in the order of ``WeightsFormat``.
    ///
    /// - Throws: An error that names the file; also if it holds fewer numbers than config.json calls for, so that a
    ///   lying config.json cannot make anyone allocate much more than the file has.
    public func openWeights() throws(FileError) -> any TensorFile {
        let (format, path) = try weightsFile()
        let file = try format.open(path)
        let needed = configuration.encoder.parameterCount
        guard file.elementCount >= needed else {
            throw FileError(
                path,
                "holds \(file.elementCount) numbers, but config.json describes a model of at least \(needed)")
        }
        return file
    }

    /// Whether the weights have the tensor of a model's head that gives its labels, or of a head without labels all
    /// tensors.
    ///
    /// - Parameter layout: That of `model`.
    /// - Throws: As ``openWeights()``.
    public func hasHead(of model: ModelSpecification, layout: ParameterLayout) throws(FileError) -> Bool {
        let file = try openWeights()
        return layout.parameters.allSatisfy { parameter in
            guard case .head(let name, _) = parameter.id, name == model.head.labelLinear ?? name else { return true }
            return family.storedName(parameter.id) { file.shape(of: $0) != nil } != nil
        }
    }

    /// Writes a whole model folder: it is there with all its files on the disk, or not at all. That of a model of
    /// embeddings is one of sentence-transformers.
    ///
    /// - Parameters:
    ///   - path: The folder; it must not exist, or be empty.
    ///   - configuration: Goes to `config.json`, as that of a classifier of sequences.
    ///   - tensors: Go to `model.safetensors`.
    ///   - source: The folder whose tokenizer files are copied; nil for none.
    ///   - maxLength: The most tokens of a text in training, which goes into the tokenizer's files; nil to leave what
    ///     they say.
    ///   - extraFiles: Further files, by their names.
    ///   - replacing: Whether a folder that is there gives way to the new one.
    /// - Throws: An error that names the path and the reason.
    public static func write(
        to path: String, configuration: ModelConfiguration, tensors: [TensorToWrite], tokenizerFrom source: String?,
        maxLength: Int? = nil, extraFiles: [String: Data] = [:], replacing: Bool = false
    ) throws {
        try AtomicDirectory.create(path, replacing: replacing ? configurationFile : nil) { folder in
            try writeFiles(
                to: folder, configuration: configuration, tensors: tensors, tokenizerFrom: source, maxLength: maxLength)
            for (name, data) in extraFiles.sorted(by: { $0.key < $1.key }) {
                try DurableFile.write(data, to: joinedPath(folder, name))
            }
        }
    }

    /// Writes the files of a model folder into a folder that is there.
    static func writeFiles(
        to folder: String, configuration: ModelConfiguration, tensors: [TensorToWrite], tokenizerFrom source: String?,
        maxLength: Int?
    ) throws(FileError) {
        try configuration.validate(path: joinedPath(folder, configurationFile))
        try DurableFile.write(configuration.json(), to: joinedPath(folder, configurationFile))
        try SafetensorsWriter.write(tensors, to: joinedPath(folder, weightsFile))
        if configuration.purpose == .embedding || configuration.purpose.isPooled {
            let modules = configuration.sentenceModules ?? SentenceModules()
            // A checkpoint may be of a phase before the one that computes it.
            let hasClassifier =
                configuration.purpose.isPooled && SentenceModules.hasClassifier(tensors, family: configuration.family)
            try modules.write(
                to: folder, width: configuration.encoder.hidden, maxLength: maxLength, hasClassifier: hasClassifier)
            if hasClassifier {
                try modules.writeClassifier(tensors, to: folder, family: configuration.family)
            }
        }
        guard let source else { return }
        var hasVocabulary = false
        for name in tokenizerFiles where try PathKind(joinedPath(source, name)) == .file {
            try DurableFile.copy(joinedPath(source, name), to: joinedPath(folder, name))
            hasVocabulary = hasVocabulary || vocabularyFiles.contains(name)
        }
        if let maxLength { try TokenizerLength.write(maxLength, to: folder) }
        guard hasVocabulary else {
            throw FileError(source, "there is no tokenizer to copy: none of \(vocabularyFiles.joined(separator: ", "))")
        }
    }
}
