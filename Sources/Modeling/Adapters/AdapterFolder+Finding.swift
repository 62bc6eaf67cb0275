import Checkpoint
import Support

/// What is in an adapter's file, and what it was trained for.
extension AdapterFolder {
    struct Found {
        var names: [ParameterID: String] = [:]
        var targets: Set<LowRankAdapter.Target> = []
        /// The modules with an adapter.
        var modules: Set<String> = []
        /// Rows of the classifier; nil where there is none.
        var labelCount: Int?
    }

    /// The tensors of the file, each of which must be of an adapter of the model or of its head.
    private static func find(
        _ file: SafetensorsFile, _ rank: Int, _ model: ModelConfiguration, _ head: any Head, _ modules: AdapterNames
    ) throws(FileError) -> Found {
        var found = Found()
        func stored(_ id: ParameterID) -> String? { modules.readable(id).first { file.tensors[$0] != nil } }
        let layout = ParameterLayout(
            ModelSpecification(
                encoder: model.encoder, head: head,
                adapter: LowRankAdapter(rank: rank, alpha: 1, dropout: 0, targets: Set(modules.targets)),
                trainable: .only([.head])))
        for parameter in layout.parameters {
            let isOfHead = if case .head = parameter.id { true } else { false }
            guard isOfHead || parameter.id.isOfAdapter, let name = stored(parameter.id),
                let shape = file.tensors[name]?.shape
            else { continue }
            found.names[parameter.id] = name
            // A classifier may have other labels.
            let isLabelled =
                if case .head(let name, _) = parameter.id { name == head.labelLinear } else { false }
            guard isLabelled ? shape.dropFirst() == parameter.shape.dropFirst() : shape == parameter.shape else {
                throw FileError(
                    file.path,
                    "tensor \(name) has shape \(shape), but beside this model it must have \(parameter.shape): the "
                        + "adapter is for another model")
            }
            if isLabelled { found.labelCount = shape.first }
            if case .layer(let layer, let part, _) = parameter.id,
                let target = modules.targets.first(where: { $0.part == part })
            {
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

    /// What the adapter was trained for, as far as its names say it, and its tensors.
    ///
    /// `task_type` says it, or the metadata. Without both it is what the model is for, if all of the adapter's tensors
    /// find a place there, or else the classification of texts.
    static func find(
        _ file: SafetensorsFile, _ configuration: PEFTConfiguration, _ model: ModelConfiguration,
        _ modules: AdapterNames
    ) throws(FileError) -> (ModelPurpose, Found) {
        func found(_ purpose: ModelPurpose) throws(FileError) -> (ModelPurpose, Found) {
            guard let head = model.head(for: purpose) else {
                throw FileError(
                    file.path,
                    "it was trained for \(quoted(model.classPrefix + (purpose.classSuffix ?? ""))), which is not supported"
                )
            }
            return (purpose, try find(file, configuration.rank, model, head, modules))
        }
        if let task = configuration.task, let purpose = ModelPurpose(peftTask: task) { return try found(purpose) }
        if let suffix = file.metadata[classKey] { return try found(ModelPurpose(classSuffix: suffix)) }
        let isEmbedding = model.sentenceModules?.pooling != nil
        if isEmbedding || model.purpose.classSuffix != nil {
            let purpose = isEmbedding ? .embedding : ModelPurpose(classSuffix: model.purpose.classSuffix)
            if let fitting = try? found(purpose) { return fitting }
        }
        return try found(ModelPurpose(classSuffix: ModelPurpose.sequenceClassification))
    }
}

extension ModelPurpose {
    /// What `peft` calls the tasks that an adapter can be trained for.
    private static let ofPeftTask: KeyValuePairs<String, String?> = [
        "SEQ_CLS": sequenceClassification, "TOKEN_CLS": TokenClassification.transformersClass,
        "FEATURE_EXTRACTION": nil,
    ]
    static let peftTasks = ofPeftTask.map(\.key)

    /// What `peft` calls it; nil where it has no word for it.
    var peftTask: String? { Self.ofPeftTask.first { $0.value == classSuffix }?.key }

    init?(peftTask: String) {
        guard let found = Self.ofPeftTask.first(where: { $0.key == peftTask }) else { return nil }
        self.init(classSuffix: found.value)
    }

    /// With what the outputs of a classifier of texts mean: as the metadata say it, or the model that it was trained
    /// on, or as `transformers` decides.
    func completed(
        by file: SafetensorsFile, labelCount: Int?, _ model: ModelConfiguration
    ) throws(FileError) -> ModelPurpose {
        guard classSuffix == Self.sequenceClassification else { return self }
        var purpose = self
        let usual: ProblemType = labelCount == 1 ? .regression : .singleLabel
        guard let name = file.metadata[AdapterFolder.problemKey] else {
            let isKnown = model.purpose.classSuffix == classSuffix && model.labels.count == labelCount
            purpose.problem = isKnown ? model.purpose.problem ?? usual : usual
            return purpose
        }
        guard let known = ProblemType(rawValue: name) else {
            throw FileError(
                file.path, "\(AdapterFolder.problemKey) in its metadata is \(quoted(name)), which is not known")
        }
        purpose.problem = known
        return purpose
    }
}
