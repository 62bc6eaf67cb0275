import Foundation
import Numerics

/// The weights with which a model begins that goes on from another one: the next phase of a run.
///
/// A tensor is carried over by its ``ParameterID``: the encoder's always, the head's where both models have the same
/// head with the same settings. Other tensors of the head are drawn as those that a model folder lacks. An adapter
/// stays where both models have it; else that of the old model is merged, and that of the new one begins anew.
public enum WeightTransition {
    /// A model, where its tensors stand, and its flat vector.
    public struct State {
        /// The model.
        public var model: ModelSpecification
        /// Its layout.
        public var layout: ParameterLayout
        /// `layout.count` floats.
        public var weights: FloatBuffer

        /// These.
        public init(model: ModelSpecification, layout: ParameterLayout, weights: FloatBuffer) {
            self.model = model
            self.layout = layout
            self.weights = weights
        }
    }

    /// The weights of `model`, which goes on from `old`.
    ///
    /// - Parameters:
    ///   - layout: That of `model`.
    ///   - seed: Draws what is new.
    /// - Throws: `ModelError.weights` if the encoders are not the same.
    public static func weights(
        of model: ModelSpecification, layout: ParameterLayout, from old: State, seed: UInt64
    ) throws(ModelError) -> FloatBuffer {
        let keepsHead = try text(of: old.model.head) == text(of: model.head)
        let keepsAdapter = old.model.adapter == model.adapter
        let oldWeights = keepsAdapter ? old.weights : LowRankMerge.merged(old.weights, old.layout)
        let known = Dictionary(old.layout.parameters.map { ($0.id, $0) }) { first, _ in first }
        let weights = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let destination = weights.pointer + parameter.offset
            let isOfHead = if case .head = parameter.id { true } else { false }
            if parameter.id.isOfAdapter, !keepsAdapter {
                WeightLoader.drawAdapter(
                    parameter, UnsafeMutableBufferPointer(start: destination, count: parameter.count), seed: seed)
                continue
            }
            let source = isOfHead && !keepsHead ? nil : known[parameter.id]
            if let source, source.shape == parameter.shape {
                destination.update(from: oldWeights.pointer + source.offset, count: parameter.count)
                continue
            }
            guard isOfHead else {
                throw .weights("a phase begins with an encoder that differs from the one before: \(parameter.id)")
            }
            parameter.initialize(
                UnsafeMutableBufferPointer(start: destination, count: parameter.count),
                deviation: model.encoder.initializerRange, seed: seed)
        }
        return weights
    }

    private static func text(of head: any Head) throws(ModelError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do { return try encoder.encode(CodedHead(head)) } catch {
            throw .invalidModel("its head cannot be described: \(error)")
        }
    }
}
