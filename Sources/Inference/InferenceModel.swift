import Modeling
import Numerics
import Support

/// A model for inference alone: weights of a model folder, no gradients, no moments.
///
/// It is used by one thread at a time; within a call it uses all of its own.
public final class InferenceModel: BatchModel {
    /// The model's configuration, labels included.
    public let configuration: ModelConfiguration
    /// What it was trained for.
    public let task: any Task
    /// See ``BatchModel``.
    public let specification: ModelSpecification
    /// Its threads, which the caller may use between two calls.
    public let team: ThreadTeam
    private let models: [ThreadModel]

    /// `@unchecked Sendable` because thread i of the team alone uses the i-th of them at a time.
    private final class ThreadModel: @unchecked Sendable {
        let model: Model
        init(_ model: Model) { self.model = model }
    }

    /// Loads the weights of a fine-tuned model.
    ///
    /// - Parameters:
    ///   - adapter: What is merged into them; nil for nothing.
    ///   - chosen: What the model is to be used for, where the folder leaves it open; nil for no choice.
    ///   - appendsEmbeddings: Whether the outputs of a classifier on embeddings have these behind the logits.
    /// - Throws: An error that names the file and the tensor that is missing or has a wrong shape.
    public convenience init(
        _ folder: ModelFolder, adapter: AdapterFolder? = nil, task chosen: (any Task)? = nil, threads: Int,
        precision: Precision = .float32, appendsEmbeddings: Bool = false
    ) throws {
        if let adapter {
            let merged = try adapter.merged(into: folder)
            let task = try Tasks.task(of: merged.configuration, path: adapter.path, chosen: chosen)
            try task.check(merged.configuration, path: folder.configurationPath)
            var specification = merged.model
            specification.objective = try task.objective(TaskOptions(), data: nil)
            try self.init(
                merged.configuration, specification, merged.layout, merged.weights, task, threads: threads,
                precision: precision)
            return
        }
        try folder.requireLabels()
        var task = try Tasks.task(of: folder, chosen: chosen)
        if appendsEmbeddings {
            task = (task as? Classification)?.appendingEmbeddings(folder.configuration) ?? task
        }
        try task.check(folder.configuration, path: folder.configurationPath)
        let specification = task.specification(
            folder.configuration, objective: try task.objective(TaskOptions(), data: nil))
        let layout = ParameterLayout(specification)
        guard try folder.hasHead(of: specification, layout: layout) else {
            throw FileError(
                folder.path,
                "the weights have no trained head for \(task.name): train the model first"
                    + (chosen == nil && Tasks.leavesOpen(folder.configuration)
                        ? ", or compare texts by its embeddings with --task \(Embedding().name)" : ""))
        }
        try ResourceProbe.memory(4 * layout.count + 16 << 20, for: "this model")
        let loaded = try WeightLoader.load(folder, specification, layout: layout, missingHead: .fail)
        // Beside embeddings, heads that the encoder was trained with say nothing.
        let refused = loaded.unused.first { task.encodesApart ? $0.part == .layers : $0.part != nil }
        if let refused { throw Self.noPlace(for: refused.name, folder) }
        try self.init(
            folder.configuration, specification, layout, loaded.weights, task, threads: threads, precision: precision)
    }

    /// Loads the weights of a model with a head that has none.
    ///
    /// - Parameter specification: The model, on the folder's encoder.
    /// - Throws: An error that names the file and the tensor that is missing or has a wrong shape.
    public convenience init(
        _ folder: ModelFolder, _ specification: ModelSpecification, threads: Int, precision: Precision
    ) throws {
        let layout = ParameterLayout(specification)
        try ResourceProbe.memory(4 * layout.count + 16 << 20, for: "this model")
        let loaded = try WeightLoader.load(folder, specification, layout: layout, missingHead: .fail)
        // Heads of other kinds that the folder may have say nothing of the encoder.
        if let extra = loaded.unused.first(where: { $0.part == .layers }) {
            throw Self.noPlace(for: extra.name, folder)
        }
        try self.init(
            folder.configuration, specification, layout, loaded.weights, Tasks.standard, threads: threads,
            precision: precision)
    }

    private static func noPlace(for tensor: String, _ folder: ModelFolder) -> ModelError {
        .weights(
            "\(folder.path): the weights have the tensor \(tensor), which the model that config.json "
                + "describes has no place for: its results would not be those of the model that was trained")
    }

    private init(
        _ configuration: ModelConfiguration, _ specification: ModelSpecification, _ layout: ParameterLayout,
        _ master: FloatBuffer, _ task: any Task, threads: Int, precision: Precision
    ) throws {
        (self.configuration, self.specification, self.task) = (configuration, specification, task)
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        team = try ThreadTeam(count: threads)
        models = (0..<threads).map { _ in ThreadModel(Model(specification, layout: layout, weights: weights)) }
    }

    /// See ``BatchModel``.
    public func outputs(_ batches: [PackedBatch]) throws(ModelError) -> [[Float]] {
        for batch in batches { try batch.validate(specification) }
        let models = models
        return team.map(batches) { models[$0].model.outputs($1) }
    }

    /// See ``BatchModel``.
    public func evaluate(_ batches: [PackedBatch]) throws(ModelError) -> [EvaluationPart] {
        for batch in batches { try batch.validate(specification) }
        let models = models
        return team.map(batches) { models[$0].model.evaluate($1) }
    }
}
