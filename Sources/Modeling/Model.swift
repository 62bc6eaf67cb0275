import Numerics
import Support

/// A model over weights that it does not own: what one compute thread works with. It hides in which precision the
/// ``Network`` computes.
///
/// Several of these may share weights while nothing writes to them. One must be used by one thread at a time; its
/// memory for activations is its own.
public final class Model {
    /// What it is.
    public let specification: ModelSpecification
    /// Where each tensor stands in the weights.
    public let layout: ParameterLayout
    private enum Precise {
        case float32(Network<Float>)
        case bf16(Network<BFloat16>)
    }
    private let network: Precise
    /// Keeps alive what the network points to.
    private let weights: ModelWeights

    /// A model over `weights`, with the precision that they were made for.
    ///
    /// - Parameters:
    ///   - specification: The model.
    ///   - layout: Its layout.
    ///   - weights: What it computes with.
    ///   - recomputes: Keeps of a layer's forward pass only the output, and computes the rest again when the backward
    ///     pass gets there (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016): the same bits, in less
    ///     memory and more time.
    ///   - recorder: Records where the time goes.
    public init(
        _ specification: ModelSpecification, layout: ParameterLayout, weights: ModelWeights, recomputes: Bool = false,
        recorder: SpanRecorder? = nil
    ) {
        self.specification = specification
        self.layout = layout
        self.weights = weights
        network =
            switch weights.precision {
            case .float32:
                .float32(
                    Network(
                        specification, layout: layout, weights: weights.view(as: Float.self), recomputes: recomputes,
                        recorder: recorder))
            case .bf16:
                .bf16(
                    Network(
                        specification, layout: layout, weights: weights.view(as: BFloat16.self),
                        recomputes: recomputes, recorder: recorder))
            }
    }

    /// The matrix products that were computed so far.
    var productCount: Int {
        switch network {
        case .float32(let network): network.productCount
        case .bf16(let network): network.productCount
        }
    }

    /// The memory that activations have taken so far, in bytes.
    var activationBytes: Int {
        switch network {
        case .float32(let network): network.activationBytes
        case .bf16(let network): network.activationBytes
        }
    }

    /// The outputs of a batch without dropout: rows x width, row-major, as the head defines them.
    public func outputs(_ batch: PackedBatch) -> [Float] {
        switch network {
        case .float32(let network): network.outputs(batch)
        case .bf16(let network): network.outputs(batch)
        }
    }

    /// What an evaluation finds of a batch with targets; the batch must be valid for the specification.
    public func evaluate(_ batch: PackedBatch) -> EvaluationPart {
        switch network {
        case .float32(let network): network.evaluate(batch, of: specification)
        case .bf16(let network): network.evaluate(batch, of: specification)
        }
    }

    /// The outputs that a batch has when it is learnt from, with the same dropout: those of the forward pass of
    /// ``gradient(_:dropout:embeddingRows:outputGradient:into:)``, bit for bit.
    public func trainingOutputs(_ batch: PackedBatch, dropout: DropoutPlan?) -> [Float] {
        let batch = batch.repeated(specification.objective.passes)
        return switch network {
        case .float32(let network): network.trainingOutputs(batch, dropout: dropout)
        case .bf16(let network): network.trainingOutputs(batch, dropout: dropout)
        }
    }

    /// The result of ``gradient(_:dropout:embeddingRows:outputGradient:into:)``.
    public struct Loss: Sendable, Equatable {
        /// The summed loss of the micro-batch; 0 where the gradient of the outputs was given.
        public var sum: Double
        /// The outputs that it is the loss of: rows x width, row-major; empty where their gradient took their memory.
        public var outputs: [Float]
    }

    /// Computes the summed loss of a micro-batch and the gradient of that sum by what is trained.
    ///
    /// - Parameters:
    ///   - batch: A batch with targets, valid for the specification; it is computed as often as the objective has
    ///     `passes`.
    ///   - dropout: The masks; nil for none.
    ///   - embeddingRows: The token ids, ascending, that have a row in the compact gradient of the word embedding;
    ///     every token of the batch must be among them, if that is trained.
    ///   - outputGradient: The gradient of the outputs, rows x width, where the objective is not to be asked for it: it
    ///     has evaluated a whole step.
    ///   - sink: Takes the gradient, part by part, in the order of the flat vector.
    public func gradient(
        _ batch: PackedBatch, dropout: DropoutPlan?, embeddingRows: [Int32], outputGradient: [Float]? = nil,
        into sink: some GradientSink
    ) throws(ModelError) -> Loss {
        try specification.validate(batch.targets, sequences: batch.sequenceCount, tokens: batch.tokenCount)
        let batch = batch.repeated(specification.objective.passes)
        let width = specification.head.outputWidth
        let outputRows = specification.head.outputOffsets(batch)?.last ?? batch.sequenceCount
        if let outputGradient, outputGradient.count != outputRows * width {
            throw .invalidBatch("a gradient of \(outputGradient.count) floats for rows of \(width)")
        }
        let rows = layout.rowTable == nil ? [] : try Self.compactRows(batch.tokenIDs, among: embeddingRows)
        let count = embeddingRows.count
        return switch network {
        case .float32(let network):
            network.gradient(
                batch, dropout: dropout, rows: rows, rowCount: count, outputGradient: outputGradient, into: sink)
        case .bf16(let network):
            network.gradient(
                batch, dropout: dropout, rows: rows, rowCount: count, outputGradient: outputGradient, into: sink)
        }
    }

    /// The place of each token id in the ascending list `rows`.
    static func compactRows(_ tokenIDs: [Int32], among rows: [Int32]) throws(ModelError) -> [Int32] {
        var result = [Int32](repeating: 0, count: tokenIDs.count)
        for (t, id) in tokenIDs.enumerated() {
            let row = rows.partitioningIndex { $0 >= id }
            guard row < rows.count, rows[row] == id else {
                throw .invalidBatch("token id \(id) is not among the rows of the step's gradient")
            }
            result[t] = Int32(row)
        }
        return result
    }
}
