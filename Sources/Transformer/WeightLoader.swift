import Checkpoint
import Foundation
import Numerics

/// Fills the flat vector from a model folder.
public enum WeightLoader {
    /// What to do about a classifier that the folder lacks, or has for other labels.
    public enum NewHead: Sendable {
        /// That is an error: inference has no use for a head that knows nothing.
        case refuse
        /// Draw it from N(0, initializer_range) by this seed, and zero its bias.
        case draw(seed: UInt64)
    }

    /// Weights, and what had to be drawn.
    public struct Loaded: Sendable {
        /// A flat vector of `layout.count` floats.
        public var weights: FloatBuffer
        /// The names of the tensors that were drawn, as a whole or in part.
        public var drawn: [String]
        /// The labels, by number, whose rows of the classifier were matched by name; empty where the classifier is all
        /// new, or read as it is.
        public var keptLabels: [Int] = []
        /// The names of tensors in the folder that the model has no use for.
        public var unused: [String] = []
    }

    /// Reads every tensor of `layout` by its Hugging Face name, with or without the prefix `bert.`.
    ///
    /// The classifier, and the pooler where the folder has none, may be new: then they are drawn. Rows of a classifier
    /// that the folder has are matched to `labels` by name (see ``LabelMatch``); rows for other labels are drawn. Other
    /// tensors must be there with the right shape.
    ///
    /// - Parameter labels: The labels to be learnt, as many as `layout` has; nil for the folder's own.
    /// - Throws: An error that names the file and the tensor.
    public static func load(
        _ directory: ModelDirectory, layout: ParameterLayout, newHead: NewHead, labels: [String]? = nil
    ) throws -> Loaded {
        let file = try directory.openWeights()
        let weights = FloatBuffer(count: layout.count)
        var drawn: [String] = []
        var read: Set<String> = []
        let rows = sourceRows(directory.configuration, labels: labels, in: file)
        for (number, parameter) in layout.parameters.enumerated() {
            let isHead = parameter.name.hasPrefix("classifier.")
            let mayBeNew = isHead || parameter.name.hasPrefix("bert.pooler.")
            let destination = UnsafeMutableBufferPointer(
                start: weights.pointer + parameter.offset, count: parameter.count)
            if let name = storedName(parameter.name, in: file), !isHead || rows == nil {
                let found = file.tensors[name]?.shape ?? []
                guard found == parameter.shape else {
                    throw TransformerError.weights(
                        "\(file.path): tensor \(name) has shape \(found), but config.json calls for \(parameter.shape)")
                }
                try file.readFloats(name, into: destination)
                read.insert(name)
                continue
            }
            guard mayBeNew, case .draw(let seed) = newHead else {
                let why = isHead ? "; it is no fine-tuned classifier: train it first" : ""
                throw TransformerError.weights("\(file.path): there is no tensor \(parameter.name)\(why)")
            }
            if !isHead || rows?.contains(nil) ?? true { drawn.append(parameter.name) }
            // Biases stay zero, as in the reference.
            if parameter.shape.count == 2 {
                drawNormal(
                    destination, deviation: directory.configuration.initializerRange, seed: seed,
                    stream: UInt32(number))
            }
            if isHead, let rows, rows.contains(where: { $0 != nil }) {
                try copyRows(rows, of: parameter, from: file, to: destination)
                read.insert(parameter.name)
            }
        }
        let kept = (rows ?? []).indices.filter { rows?[$0] != nil }
        let unused = file.tensors.keys.filter { !read.contains($0) && !isOfNoMatter($0) }.sorted()
        return Loaded(weights: weights, drawn: drawn, keptLabels: kept, unused: unused)
    }

    /// For each label the row of the folder's classifier that belongs to it; nil as a whole where the classifier is
    /// to be read as it is.
    private static func sourceRows(
        _ configuration: BertConfiguration, labels: [String]?, in file: SafetensorsFile
    ) -> [Int?]? {
        guard let labels else { return nil }
        let width = configuration.hiddenSize
        let count = configuration.labels.count
        guard configuration.hasLabelledClassifier, file.tensors["classifier.weight"]?.shape == [count, width],
            file.tensors["classifier.bias"]?.shape == [count]
        else { return labels.map { _ in nil } }
        return labels == configuration.labels ? nil : LabelMatch.rows(of: labels, among: configuration.labels)
    }

    /// Copies rows of a tensor of the classifier, its weight or its bias.
    private static func copyRows(
        _ rows: [Int?], of parameter: Parameter, from file: SafetensorsFile,
        to destination: UnsafeMutableBufferPointer<Float>
    ) throws {
        let width = parameter.shape.count == 2 ? parameter.shape[1] : 1
        let source = FloatBuffer(count: file.tensors[parameter.name]?.count ?? 0)
        try file.readFloats(
            parameter.name, into: UnsafeMutableBufferPointer(start: source.pointer, count: source.count))
        for (row, from) in rows.enumerated() {
            guard let from else { continue }
            for column in 0..<width { destination[row * width + column] = source.pointer[from * width + column] }
        }
    }

    /// Whether a tensor that is not read says nothing of the model: the head of pre-training, and tables of numbers
    /// that count up, as old versions of `transformers` wrote them.
    private static func isOfNoMatter(_ name: String) -> Bool {
        name.hasPrefix("cls.") || name.hasSuffix("embeddings.position_ids")
            || name.hasSuffix("embeddings.token_type_ids")
    }

    /// Reads a vector that goes with the weights, such as an optimizer's moments: the inverse of
    /// ``tensors(of:layout:)`` under other names.
    ///
    /// - Parameter name: What the tensor that belongs to a parameter is called.
    /// - Returns: A flat vector of `layout.count` floats; nil if the file has none of the tensors.
    /// - Throws: An error that names the file and the tensor that is missing or has another shape.
    public static func loadMoments(
        _ file: SafetensorsFile, layout: ParameterLayout, name: (String) -> String
    ) throws -> FloatBuffer? {
        guard layout.parameters.contains(where: { file.tensors[name($0.name)] != nil }) else { return nil }
        let moments = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let name = name(parameter.name)
            guard let shape = file.tensors[name]?.shape else {
                throw TransformerError.weights("\(file.path): there is no tensor \(name)")
            }
            guard shape == parameter.shape else {
                throw TransformerError.weights(
                    "\(file.path): tensor \(name) has shape \(shape), but the model calls for \(parameter.shape)")
            }
            try file.readFloats(
                name,
                into: UnsafeMutableBufferPointer(
                    start: moments.pointer + parameter.offset, count: parameter.count))
        }
        return moments
    }

    /// The name under which a file has a tensor: older checkpoints leave out `bert.`, and say gamma and beta.
    private static func storedName(_ name: String, in file: SafetensorsFile) -> String? {
        var candidates = [name]
        if name.hasPrefix("bert.") { candidates.append(String(name.dropFirst(5))) }
        if name.contains("LayerNorm") {
            candidates += candidates.map {
                $0.hasSuffix(".weight") ? $0.dropLast(6) + "gamma" : $0.dropLast(4) + "beta"
            }
        }
        return candidates.first { file.tensors[$0] != nil }
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
    public static func tensors(of weights: FloatBuffer, layout: ParameterLayout) -> [TensorToWrite] {
        layout.parameters.map {
            TensorToWrite(
                name: $0.name, shape: $0.shape,
                data: UnsafeRawBufferPointer(start: weights.pointer + $0.offset, count: $0.count * 4), dtype: .f32)
        }
    }
}
