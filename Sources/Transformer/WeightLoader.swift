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
        /// The names of the tensors that were drawn.
        public var drawn: [String]
    }

    /// Reads every tensor of `layout` by its Hugging Face name, with or without the prefix `bert.`.
    ///
    /// The classifier, and the pooler where the folder has none, may be new: then they are drawn. Other tensors must be
    /// there with the right shape.
    ///
    /// - Parameter labels: The labels to be learnt. A head for other ones, or in another order, does not fit; nil for
    ///   the folder's own.
    /// - Throws: An error that names the file and the tensor.
    public static func load(
        _ directory: ModelDirectory, layout: ParameterLayout, newHead: NewHead, labels: [String]? = nil
    ) throws -> Loaded {
        let file = try directory.openWeights()
        let weights = FloatBuffer(count: layout.count)
        var drawn: [String] = []
        let headFits = labels == nil || labels == directory.configuration.labels
        for (number, parameter) in layout.parameters.enumerated() {
            let isHead = parameter.name.hasPrefix("classifier.")
            let mayBeNew = isHead || parameter.name.hasPrefix("bert.pooler.")
            let destination = UnsafeMutableBufferPointer(
                start: weights.pointer + parameter.offset, count: parameter.count)
            if let name = storedName(parameter.name, in: file), !isHead || headFits {
                let found = file.tensors[name]?.shape ?? []
                guard found == parameter.shape else {
                    throw TransformerError.weights(
                        "\(file.path): tensor \(name) has shape \(found), but config.json calls for \(parameter.shape)")
                }
                try file.readFloats(name, into: destination)
                continue
            }
            guard mayBeNew, case .draw(let seed) = newHead else {
                let why = isHead ? "; it is no fine-tuned classifier: train it first" : ""
                throw TransformerError.weights("\(file.path): there is no tensor \(parameter.name)\(why)")
            }
            drawn.append(parameter.name)
            // Biases stay zero, as in the reference.
            guard parameter.shape.count == 2 else { continue }
            drawNormal(
                destination, deviation: directory.configuration.initializerRange, seed: seed, stream: UInt32(number))
        }
        return Loaded(weights: weights, drawn: drawn)
    }

    /// Reads a vector that goes with the weights, such as an optimizer's moments: the inverse of ``tensors(of:layout:)``
    /// under other names.
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
