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
    /// What it was trained for.
    public let purpose: ModelPurpose
    /// From which probability on a text has one of several labels; nil where it does not say.
    let threshold: Double?
    /// Which scores of pairs stand for the cosines 0 and 1; nil where it does not say.
    let scoreRange: ClosedRange<Double>?

    static let weightsFile = "adapter_model.safetensors"
    /// The keys in the metadata of the tensors: of the encoder's hash, the labels as a JSON array, and whether the
    /// model was trained on pairs of texts.
    static let (baseKey, labelsKey, pairsKey) = ("shoal_base_sha256", "shoal_labels", "shoal_text_pairs")
    /// Those of the problem, as `problem_type` in config.json calls it, and of the threshold.
    static let (problemKey, thresholdKey) = ("shoal_problem_type", "shoal_threshold")
    /// Those of the range of scores, and of what `architectures` would end with where `task_type` has no word for it.
    static let (scoreRangeKey, classKey) = ("shoal_score_range", "shoal_class")

    let file: SafetensorsFile
    /// The name in the file of each tensor that it has: of adapters, and of the head.
    let names: [ParameterID: String]
    let isTrainedOnPairs: Bool?
    /// Rows of its classifier; nil where it has none.
    private let labelCount: Int?
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
        let (purpose, found) = try Self.find(file, configuration, model, modules)
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
        let labels = try Self.labels(file)
        let count = found.labelCount
        guard labels == nil || count == nil || labels?.count == count else {
            throw FileError(
                file.path, "\(Self.labelsKey) in its metadata has \(labels?.count ?? 0) labels, its head \(count ?? 0)")
        }
        self.labels = labels
        labelCount = count
        isTrainedOnPairs = file.metadata[Self.pairsKey].flatMap(Bool.init)
        self.purpose = try purpose.completed(by: file, labelCount: count, model)
        scoreRange = try Self.scoreRange(file)
        let threshold = file.metadata[Self.thresholdKey]
        self.threshold = threshold.flatMap(Double.init)
        guard threshold == nil || self.threshold.map(ModelConfiguration.thresholds.contains) == true else {
            throw FileError(
                file.path, "\(Self.thresholdKey) in its metadata is \(quoted(threshold ?? "")), must be between 0 and 1"
            )
        }
    }

    private static func scoreRange(_ file: SafetensorsFile) throws(FileError) -> ClosedRange<Double>? {
        guard let text = file.metadata[scoreRangeKey] else { return nil }
        let parsed = try? Data(text.utf8).withUnsafeBytes { try JSONValue(parsing: $0) }
        guard let range = parsed.flatMap(ModelConfiguration.scoreRange) else {
            throw FileError(file.path, "\(scoreRangeKey) in its metadata is no list of two numbers")
        }
        return range
    }

    private static func labels(_ file: SafetensorsFile) throws(FileError) -> [String]? {
        guard let text = file.metadata[labelsKey] else { return nil }
        let parsed = try? Data(text.utf8).withUnsafeBytes { try JSONValue(parsing: $0) }
        guard let array = parsed?.array, case let labels = array.compactMap(\.string), labels.count == array.count,
            Set(labels).count == labels.count
        else { throw FileError(file.path, "\(labelsKey) in its metadata is no list of labels") }
        return labels
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
        guard let labelCount else { return model.labels }
        return hasLabels(model) ? model.labels : (0..<labelCount).map { "LABEL_\($0)" }
    }

    /// Whether the model's labels can be those of an adapter that does not say its own.
    private func hasLabels(_ model: ModelConfiguration) -> Bool {
        guard let head = model.head(for: purpose) else { return false }
        return model.hasLabels(for: head) && model.labels.count == labelCount
    }

    /// A line about labels that the adapter does not say; nil where it does.
    public func labelsNotice(of model: ModelConfiguration) -> String? {
        guard labels == nil, purpose.hasLabels, let labelCount else { return nil }
        let what = "\(path.printable(limit: 200)) does not name its \(labelCount) labels: they are "
        return hasLabels(model)
            ? what + "taken from the config.json of the model"
            : what + "called LABEL_0, LABEL_1, …; name them by id2label in the config.json of the model"
    }
}
