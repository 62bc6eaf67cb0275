import Checkpoint
import Foundation
import Numerics

/// Fills the flat vector from a model folder.
public enum WeightLoader {
    /// What to do about a head that the folder lacks, or has for other labels.
    public enum MissingHead: Sendable {
        /// That is an error: inference has no use for a head that was never trained.
        case fail
        /// Draw it from N(0, initializer_range) by this seed, and zero its biases.
        case initialize(seed: UInt64)
    }

    /// Weights, and what had to be drawn.
    public struct Loaded: Sendable {
        /// A flat vector of `layout.count` floats.
        public var weights: FloatBuffer
        /// The tensors that were drawn, as a whole or in part.
        public var drawn: [ParameterID]
        /// The labels, by number, whose rows of the classifier were matched by name; empty where the classifier is all
        /// new, or read as it is.
        public var keptLabels: [Int] = []
        /// The tensors that the folder has for other labels, and that were therefore drawn.
        public var replaced: [ParameterID] = []
        /// The tensors in the folder that the model has no use for, by name.
        public var unused: [UnusedTensor] = []
    }

    /// A tensor that no parameter is read from.
    public struct UnusedTensor: Sendable, Equatable {
        /// Its name in the file.
        public var name: String
        /// What the family's names say that it belongs to: then the file is of another model than config.json
        /// describes.
        public var part: TensorPart?
    }

    /// Reads every tensor of the model by the names that its family gives them.
    ///
    /// The tensors of the head may be new: then they are drawn. Rows of a classifier that the folder has are matched to
    /// `labels` by name (see ``LabelMatch``); rows for other labels are drawn. Other tensors must be there with the
    /// right shape.
    ///
    /// - Parameters:
    ///   - layout: That of `model`.
    ///   - labels: The labels to be learnt, as many as the head has; nil for the folder's own.
    /// - Throws: An error that names the file and the tensor.
    public static func load(
        _ directory: ModelFolder, _ model: ModelSpecification, layout: ParameterLayout, missingHead: MissingHead,
        labels: [String]? = nil
    ) throws -> Loaded {
        let family = directory.family
        let file = try directory.openWeights()
        let weights = FloatBuffer(count: layout.count)
        var (drawn, replaced): ([ParameterID], [ParameterID]) = ([], [])
        var read: Set<String> = []
        let rows = sourceRows(directory.configuration, model, labels: labels, in: file, family)
        for parameter in family.stored(layout.parameters) {
            let isLabelled = isLabelled(parameter.id, model.head)
            let tensorName = family.tensorName(parameter.id)
            let destination = UnsafeMutableBufferPointer(
                start: weights.pointer + parameter.offset, count: parameter.count)
            let stored = family.storedName(parameter.id) { file.shape(of: $0) != nil }
            if let name = stored, !isLabelled || rows == nil {
                let found = file.shape(of: name) ?? []
                guard found == parameter.shape else {
                    throw ModelError.weights(
                        "\(file.path): tensor \(name) has shape \(found), but config.json calls for \(parameter.shape)")
                }
                try file.readFloats(name, into: destination)
                try requireFinite(destination, name, file)
                read.insert(name)
                continue
            }
            if parameter.id.isOfAdapter, case .initialize(let seed) = missingHead {
                // B stays zero: a new adapter changes nothing.
                drawAdapter(parameter, destination, seed: seed)
                continue
            }
            guard case .head = parameter.id, case .initialize(let seed) = missingHead else {
                let why = isLabelled ? "; it is no fine-tuned classifier: train it first" : ""
                throw ModelError.weights("\(file.path): there is no tensor \(tensorName)\(why)")
            }
            if !isLabelled || rows?.contains(nil) ?? true { drawn.append(parameter.id) }
            parameter.initialize(destination, deviation: model.encoder.initializerRange, seed: seed)
            if isLabelled, let stored, let rows {
                read.insert(stored)
                if rows.contains(where: { $0 != nil }) {
                    try copyRows(rows, of: parameter, from: file, stored, to: destination)
                } else {
                    replaced.append(parameter.id)
                }
            }
        }
        let kept = (rows ?? []).indices.filter { rows?[$0] != nil }
        let unused = file.names.filter { !read.contains($0) && !family.isIrrelevant($0) }.sorted()
        return Loaded(
            weights: weights, drawn: drawn, keptLabels: kept, replaced: replaced,
            unused: unused.map { UnusedTensor(name: $0, part: family.part(ofTensor: $0)) })
    }

    /// Numbers that are not finite would make all outputs so, or hide among them.
    private static func requireFinite(
        _ values: UnsafeMutableBufferPointer<Float>, _ name: String, _ file: any TensorFile
    ) throws(ModelError) {
        // The exponents of infinities and of what is no number are the largest.
        var largest: UInt32 = 0
        for value in values { largest = max(largest, value.bitPattern & 0x7F80_0000) }
        guard largest == 0x7F80_0000 else { return }
        throw .weights(
            "\(file.path): the tensor \(name) has numbers that are not finite: its training has diverged, or the file is "
                + "damaged; take an earlier state, or fetch the model again")
    }

    /// Whether a tensor has one row for each label.
    private static func isLabelled(_ id: ParameterID, _ head: any Head) -> Bool {
        guard case .head(let name, _) = id else { return false }
        return name == head.labelLinear
    }

    /// For each label the row of the folder's classifier that belongs to it; nil as a whole where the classifier is
    /// to be read as it is.
    private static func sourceRows(
        _ configuration: ModelConfiguration, _ model: ModelSpecification, labels: [String]?, in file: any TensorFile,
        _ family: any ModelFamily.Type
    ) -> [Int?]? {
        guard let labels else { return nil }
        func shape(_ part: ParameterID.AffinePart) -> [Int]? {
            guard let name = model.head.labelLinear,
                let stored = family.storedName(.head(name, part), in: { file.shape(of: $0) != nil })
            else { return nil }
            return file.shape(of: stored)
        }
        let count = configuration.labels.count
        guard configuration.hasLabels(for: model.head), let weight = shape(.weight), weight.count == 2,
            weight[0] == count,
            weight[1] == model.encoder.hidden, shape(.bias) == [count]
        else { return labels.map { _ in nil } }
        return labels == configuration.labels ? nil : LabelMatch.rows(of: labels, among: configuration.labels)
    }

    /// Copies rows of a tensor of the classifier, its weight or its bias.
    private static func copyRows(
        _ rows: [Int?], of parameter: Parameter, from file: any TensorFile, _ name: String,
        to destination: UnsafeMutableBufferPointer<Float>
    ) throws {
        let width = parameter.shape.count == 2 ? parameter.shape[1] : 1
        let source = FloatBuffer(count: file.shape(of: name)?.reduce(1, *) ?? 0)
        try file.readFloats(
            name, into: UnsafeMutableBufferPointer(start: source.pointer, count: source.count))
        for (row, from) in rows.enumerated() {
            guard let from else { continue }
            for column in 0..<width { destination[row * width + column] = source.pointer[from * width + column] }
        }
    }

    /// Reads a vector that goes with the trained weights, an optimizer's moments: the inverse of
    /// ``momentTensors(of:layout:family:)`` under other names.
    ///
    /// - Parameter name: What the tensor that belongs to a parameter is called.
    /// - Returns: A flat vector of `layout.trainableCount` floats; nil if the file has none of the tensors.
    /// - Throws: An error that names the file and the tensor that is missing, has another shape, or belongs to a
    ///   parameter that is not trained.
    public static func loadMoments(
        _ file: SafetensorsFile, layout: ParameterLayout, family: any ModelFamily.Type, name: (String) -> String
    ) throws -> FloatBuffer? {
        guard layout.parameters.contains(where: { file.tensors[name(family.tensorName($0.id))] != nil }) else {
            return nil
        }
        for parameter in layout.parameters where layout.frozen.contains(parameter.offset) {
            let name = name(family.tensorName(parameter.id))
            guard file.tensors[name] == nil else {
                throw ModelError.weights("\(file.path): there is a tensor \(name), of a parameter that is not trained")
            }
        }
        let moments = FloatBuffer(count: layout.trainableCount)
        for parameter in family.stored(layout.trainable) {
            let name = name(family.tensorName(parameter.id))
            guard let shape = file.tensors[name]?.shape else {
                throw ModelError.weights("\(file.path): there is no tensor \(name)")
            }
            guard shape == parameter.shape else {
                throw ModelError.weights(
                    "\(file.path): tensor \(name) has shape \(shape), but the model calls for \(parameter.shape)")
            }
            try file.readFloats(
                name,
                into: UnsafeMutableBufferPointer(
                    start: moments.pointer + parameter.offset, count: parameter.count))
        }
        return moments
    }

    /// A as `peft` begins it, uniform in ±1/√inputs: `kaiming_uniform_` of PyTorch with a = √5 (He et al. 2015).
    static func drawAdapter(
        _ parameter: Parameter, _ destination: UnsafeMutableBufferPointer<Float>, seed: UInt64
    ) {
        guard case .layer(_, _, .lowRankA) = parameter.id else { return }
        let bound = 1 / Double(parameter.rowWidth).squareRoot()
        var random = PhiloxStream(
            seed: seed, purpose: .initialization, stream: parameter.id.initializationStream)
        for i in destination.indices { destination[i] = Float((2 * random.nextUnit() - 1) * bound) }
    }

    /// N(0, deviation²) by the polar form of Box and Muller's method (1958) on one Philox stream.
    static func drawNormal(
        _ destination: UnsafeMutableBufferPointer<Float>, deviation: Float, seed: UInt64, stream: UInt32
    ) {
        var random = PhiloxStream(seed: seed, purpose: .initialization, stream: stream)
        var i = 0
        while i < destination.count {
            let radius = (-2 * log(1 - random.nextUnit())).squareRoot() * Double(deviation)
            let angle = 2 * Double.pi * random.nextUnit()
            destination[i] = Float(radius * cos(angle))
            if i + 1 < destination.count { destination[i + 1] = Float(radius * sin(angle)) }
            i += 2
        }
    }

    /// The tensors of a flat vector, under their Hugging Face names, to be written. The memory must outlive the result.
    public static func tensors(
        of weights: FloatBuffer, layout: ParameterLayout, family: any ModelFamily.Type
    ) -> [TensorToWrite] {
        tensors(of: weights, layout.parameters, family)
    }

    /// The same without those of an adapter, which is merged; see ``LowRankMerge``.
    public static func mergedTensors(
        of weights: FloatBuffer, layout: ParameterLayout, family: any ModelFamily.Type
    ) -> [TensorToWrite] {
        tensors(of: weights, LowRankMerge.merged(layout), family)
    }

    /// The tensors of a moment, which the trained parameters alone have; see ``tensors(of:layout:family:)``.
    public static func momentTensors(
        of moment: FloatBuffer, layout: ParameterLayout, family: any ModelFamily.Type
    ) -> [TensorToWrite] {
        tensors(of: moment, layout.trainable, family)
    }

    private static func tensors(
        of vector: FloatBuffer, _ parameters: some Sequence<Parameter>, _ family: any ModelFamily.Type
    ) -> [TensorToWrite] {
        family.stored(parameters).map {
            TensorToWrite(
                name: family.tensorName($0.id), shape: $0.shape,
                data: UnsafeRawBufferPointer(start: vector.pointer + $0.offset, count: $0.count * 4), dtype: .f32)
        }
    }
}
