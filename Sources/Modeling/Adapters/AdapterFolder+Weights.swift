import Numerics
import Support

/// An adapter's tensors, put into a model's weights.
extension AdapterFolder {
    /// A model and its adapter as one: the head of the adapter, and the layers with what the adapter adds.
    ///
    /// - Parameter folder: The model that the adapter was trained on.
    /// - Returns: What goes into config.json, and the weights; the model's objective says nothing.
    /// - Throws: An error that names the file that does not fit, or what is missing.
    public func merged(
        into folder: ModelFolder
    ) throws -> (
        configuration: ModelConfiguration, model: ModelSpecification, layout: ParameterLayout, weights: FloatBuffer
    ) {
        try folder.requireMerged()
        var configuration = folder.configuration
        if purpose.hasLabels { configuration.labels = labels(of: configuration) }
        configuration.purpose = purpose
        configuration.threshold = threshold
        configuration.isTrainedOnPairs = isTrainedOnPairs ?? configuration.isTrainedOnPairs
        configuration.scoreRange = purpose == .embedding ? scoreRange ?? configuration.scoreRange : nil
        // What the folder of the encoder was for.
        configuration.sentenceModules =
            purpose == .embedding ? configuration.sentenceModules ?? SentenceModules() : nil
        guard let head = configuration.head(for: purpose) else {
            throw FileError(path, "the model has no head that goes with it")
        }
        let model = ModelSpecification(encoder: configuration.encoder, head: head)
        let layout = ParameterLayout(model)
        let loaded = try WeightLoader.load(
            folder, model, layout: layout, missingHead: .initialize(seed: 0),
            labels: purpose.hasLabels ? configuration.labels : nil)
        try checkBase(folder, loaded.weights, layout)
        if let missing = loaded.drawn.first(where: { names[$0] == nil }) {
            throw FileError(
                path,
                "neither the model nor the adapter has the tensor \(folder.family.tensorName(missing)) of the head")
        }
        try readHead(into: loaded.weights, layout)
        for (index, layer) in layout.layers.enumerated() {
            for target in adapter.targets {
                let slot = layer.linear(target)
                guard let a = try read(.layer(index, target.part, .lowRankA)),
                    let b = try read(.layer(index, target.part, .lowRankB))
                else { continue }
                LowRankMerge.add(
                    a: a.pointer, b: b.pointer, rank: adapter.rank, scale: Double(Float(adapter.scale)), slot,
                    to: loaded.weights.pointer + slot.weight)
            }
        }
        return (configuration, model, layout, loaded.weights)
    }

    /// Puts the adapter and, where it is for the same labels, its head into weights that go on learning.
    ///
    /// - Parameters:
    ///   - layout: Of a model with this adapter.
    ///   - labels: Those of the model.
    ///   - purpose: What the model is for.
    /// - Returns: What became of its head.
    /// - Throws: An error if not every layer has all of the adapter.
    public func read(
        into weights: FloatBuffer, _ layout: ParameterLayout, labels: [String], purpose: ModelPurpose
    ) throws -> HeadUse {
        for parameter in layout.parameters where parameter.id.isOfAdapter {
            guard let name = names[parameter.id] else {
                throw FileError(
                    path,
                    "there is no \(modules.tensor(parameter.id)): an adapter that goes on learning has the same "
                        + "targets in all layers")
            }
            try file.readFloats(
                name,
                into: UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count))
        }
        guard names.keys.contains(where: { $0.part == .head }) else { return .none }
        guard self.labels == nil || self.labels == labels, self.purpose == purpose else { return .other }
        return try readHead(into: weights, layout) ? .read : .other
    }

    /// What becomes of the head of an adapter that is trained on.
    public enum HeadUse: Sendable {
        /// It is trained on.
        case read
        /// It has none.
        case none
        /// It is for other labels, or another task.
        case other
    }

    /// Puts the head's tensors where they belong; false where the classifier has another number of rows.
    @discardableResult
    private func readHead(into weights: FloatBuffer, _ layout: ParameterLayout) throws -> Bool {
        let own = layout.parameters.filter { if case .head = $0.id { names[$0.id] != nil } else { false } }
        for parameter in own where file.tensors[names[parameter.id] ?? ""]?.shape != parameter.shape { return false }
        for parameter in own {
            try file.readFloats(
                names[parameter.id] ?? "",
                into: UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count))
        }
        return !own.isEmpty
    }

    private func read(_ id: ParameterID) throws -> FloatBuffer? {
        guard let name = names[id], let tensor = file.tensors[name] else { return nil }
        let values = FloatBuffer(count: tensor.count)
        try file.readFloats(name, into: UnsafeMutableBufferPointer(start: values.pointer, count: tensor.count))
        return values
    }
}
