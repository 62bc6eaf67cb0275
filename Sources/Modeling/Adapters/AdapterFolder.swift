import Checkpoint
import Foundation
import Numerics
import Support

/// A folder of an adapter as `peft` writes it: `adapter_config.json` and `adapter_model.safetensors`. Those that are
/// written here have, in the metadata of the tensors, the labels and the SHA-256 of the encoder that they belong to.
public struct AdapterFolder: Sendable {
    /// Where it is.
    public let path: String
    /// What it is; `targets` are those that any layer has.
    public let adapter: LowRankAdapter
    /// The labels of its classifier; nil where it does not say.
    public let labels: [String]?
    /// What the outputs of its classifier mean; one class for each text where it does not say.
    public let problem: ProblemType
    /// From which probability on a text has one of several labels; nil where it does not say.
    let threshold: Double?

    static let weightsFile = "adapter_model.safetensors"
    /// The keys in the metadata of the tensors: of the encoder's hash, the labels as a JSON array, and whether the
    /// model was trained on pairs of texts.
    static let (baseKey, labelsKey, pairsKey) = ("shoal_base_sha256", "shoal_labels", "shoal_text_pairs")
    /// Those of the problem, as `problem_type` in config.json calls it, and of the threshold.
    static let (problemKey, thresholdKey) = ("shoal_problem_type", "shoal_threshold")

    let file: SafetensorsFile
    /// The name in the file of each tensor that it has: of adapters, and of the head.
    let names: [ParameterID: String]
    let isTrainedOnPairs: Bool?
    private let baseName: String?
    private let baseSHA256: String?
    let modules: AdapterNames

    /// Opens a folder, and checks that it is for a model of this configuration.
    ///
    /// - Throws: An error that names the file and the entry or tensor that is not supported, or does not fit the model.
    public init(path: String, for model: ModelConfiguration) throws(FileError) {
        let path = withoutTrailingSlash(path)
        let configurationPath = joinedPath(path, PEFTConfiguration.fileName)
        guard try PathKind(configurationPath) == .file else {
            throw FileError(configurationPath, "missing; the folder of an adapter holds it beside \(Self.weightsFile)")
        }
        let configuration = try PEFTConfiguration(path: configurationPath)
        let weights = joinedPath(path, Self.weightsFile)
        guard try PathKind(weights) == .file else {
            let old = try PathKind(joinedPath(path, "adapter_model.bin")) == .file
            throw FileError(
                weights,
                "missing; "
                    + (old
                        ? "only adapter_model.bin is there: load it with peft and save it with save_pretrained"
                        : "the folder of an adapter holds it beside \(PEFTConfiguration.fileName)"))
        }
        let file = try SafetensorsFile(path: weights)
        let modules = AdapterNames(family: model.family)
        let found = try Self.find(file, configuration.rank, model, modules)
        let adapter = LowRankAdapter(
            rank: configuration.rank, alpha: configuration.alpha, dropout: configuration.dropout,
            targets: found.targets,
            isRankStabilized: configuration.isRankStabilized)
        for name in configuration.targetModules where !found.modules.contains(where: { AdapterNames.matches($0, name) })
        {
            throw FileError(
                configurationPath,
                "target_modules names \"\(name.printable(limit: 80))\", of which \(Self.weightsFile) has no adapter")
        }
        self.path = path
        self.adapter = adapter
        self.file = file
        self.modules = modules
        names = found.names
        baseName = configuration.baseName
        baseSHA256 = file.metadata[Self.baseKey]
        labels = try Self.labels(file)
        isTrainedOnPairs = file.metadata[Self.pairsKey].flatMap(Bool.init)
        let problem = file.metadata[Self.problemKey]
        guard let known = problem.map({ ProblemType(rawValue: $0) }) ?? .singleLabel else {
            throw FileError(
                file.path, "\(Self.problemKey) in its metadata is \(quoted(problem ?? "")), which is not known")
        }
        self.problem = known
        let threshold = file.metadata[Self.thresholdKey]
        self.threshold = threshold.flatMap(Double.init)
        guard threshold == nil || self.threshold.map(ModelConfiguration.thresholds.contains) == true else {
            throw FileError(
                file.path, "\(Self.thresholdKey) in its metadata is \(quoted(threshold ?? "")), must be between 0 and 1"
            )
        }
    }

    private static func labels(_ file: SafetensorsFile) throws(FileError) -> [String]? {
        guard let text = file.metadata[labelsKey] else { return nil }
        let parsed = try? Data(text.utf8).withUnsafeBytes { try JSONValue(parsing: $0) }
        guard let array = parsed?.array, case let labels = array.compactMap(\.string), labels.count == array.count,
            Set(labels).count == labels.count
        else { throw FileError(file.path, "\(labelsKey) in its metadata is no list of labels") }
        return labels
    }

    private struct Found {
        var names: [ParameterID: String] = [:]
        var targets: Set<LowRankAdapter.Target> = []
        /// The modules with an adapter.
        var modules: Set<String> = []
    }

    /// The tensors of the file, each of which must be of an adapter of the model or of its head.
    private static func find(
        _ file: SafetensorsFile, _ rank: Int, _ model: ModelConfiguration, _ modules: AdapterNames
    ) throws(FileError) -> Found {
        var found = Found()
        func stored(_ id: ParameterID) -> String? { modules.readable(id).first { file.tensors[$0] != nil } }
        var specification = model.classifier()
        specification.adapter = LowRankAdapter(
            rank: rank, alpha: 1, dropout: 0, targets: Set(LowRankAdapter.Target.allCases))
        specification.trainable = .only([.head])
        let layout = ParameterLayout(specification)
        for parameter in layout.parameters {
            let isOfHead = if case .head = parameter.id { true } else { false }
            guard isOfHead || parameter.id.isOfAdapter, let name = stored(parameter.id),
                let shape = file.tensors[name]?.shape
            else { continue }
            found.names[parameter.id] = name
            // A classifier may have other labels.
            let isLabelled =
                if case .head(let name, _) = parameter.id { name == specification.head.labelLinear } else { false }
            guard isLabelled ? shape.dropFirst() == parameter.shape.dropFirst() : shape == parameter.shape else {
                throw FileError(
                    file.path,
                    "tensor \(name) has shape \(shape), but beside this model it must have \(parameter.shape): the "
                        + "adapter is for another model")
            }
            if case .layer(let layer, let part, _) = parameter.id, let target = LowRankAdapter.Target(part) {
                found.targets.insert(target)
                found.modules.insert(modules.module(layer, target))
            }
        }
        let known = Set(found.names.values)
        if let other = file.tensors.keys.filter({ !known.contains($0) }).min() {
            throw FileError(
                file.path,
                "there is no place for the tensor \(other.printable(limit: 200)): adapters stand beside the linear "
                    + "layers of the \(model.encoder.layers.count) encoder layers, and of whole modules only those of "
                    + "the head are replaced")
        }
        guard !found.targets.isEmpty else { throw FileError(file.path, "holds no adapter") }
        for (id, name) in found.names {
            guard case .layer(let layer, let part, let factor) = id else { continue }
            let other = ParameterID.layer(layer, part, factor == .lowRankA ? .lowRankB : .lowRankA)
            guard found.names[other] != nil else {
                throw FileError(file.path, "there is \(name), but not \(modules.tensor(other))")
            }
        }
        return found
    }

    /// Makes sure that the adapter was trained on this model.
    ///
    /// - Parameters:
    ///   - folder: The model's folder.
    ///   - weights: Its weights, laid out as `layout` says.
    /// - Throws: An error that names the adapter's folder and both models.
    public func checkBase(_ folder: ModelFolder, _ weights: FloatBuffer, _ layout: ParameterLayout) throws(FileError) {
        if let baseSHA256 {
            guard baseSHA256 == Self.encoderSHA256(weights, layout) else {
                throw FileError(
                    path,
                    "the adapter was trained on another model"
                        + (baseName.map { " (\($0.printable(limit: 200)))" } ?? "")
                        + ": the encoder's weights in \(folder.path.printable(limit: 200)) are others")
            }
            return
        }
        guard let baseName, !baseName.isEmpty else { return }
        let (wanted, given) = (lastComponent(of: baseName), lastComponent(of: folder.path))
        guard wanted.lowercased() == given.lowercased() else {
            throw FileError(
                joinedPath(path, PEFTConfiguration.fileName),
                "base_model_name_or_path is \(baseName.printable(limit: 200)), the model is "
                    + "\(folder.path.printable(limit: 200)): give that model; if it is the same under another name, "
                    + "remove the entry")
        }
    }

    /// The SHA-256 of the encoder's tensors as float32, in the order of their stable names.
    static func encoderSHA256(_ weights: FloatBuffer, _ layout: ParameterLayout) -> String {
        let tensors = layout.parameters.filter { parameter in
            if case .head = parameter.id { false } else { !parameter.id.isOfAdapter }
        }.sorted { $0.id.stableName < $1.id.stableName }
        return sha256(
            of: tensors.map { UnsafeRawBufferPointer(start: weights.pointer + $0.offset, count: 4 * $0.count) })
    }

    /// The classes of a model with this adapter: the adapter's, or those of the model if they are as many, or else
    /// their numbers.
    public func labels(of model: ModelConfiguration) -> [String] {
        if let labels { return labels }
        guard let linear = model.classifier().head.labelLinear, let name = names[.head(linear, .weight)],
            let count = file.tensors[name]?.shape.first
        else { return model.labels }
        return model.hasLabels(for: model.classifierHead(.singleLabel)) && model.labels.count == count
            ? model.labels : (0..<count).map { "LABEL_\($0)" }
    }
}
