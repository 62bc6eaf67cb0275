import Checkpoint
import Numerics
import Support

/// A BERT encoder with a classification head over weights that it does not own: what one compute thread works with.
///
/// Several of these may share weights while nobody writes to them. One must be used by one thread at a time; its memory
/// for activations is its own.
public final class BertClassifier {
    /// The model's configuration.
    public let configuration: BertConfiguration
    /// Where each tensor stands in the weights.
    public let layout: ParameterLayout
    private enum Network {
        case float32(BertNetwork<Float>)
        case bf16(BertNetwork<BFloat16>)
    }
    private let network: Network

    /// A classifier over `weights`, with the precision that they were made for.
    ///
    /// - Parameters:
    ///   - configuration: The model.
    ///   - layout: Its layout.
    ///   - weights: What it computes with.
    ///   - recomputes: Keeps of a layer's forward pass only the output, and computes the rest again when the backward
    ///     pass gets there (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016): the same bits, in less
    ///     memory and more time.
    ///   - recorder: Told where the time goes.
    public init(
        configuration: BertConfiguration, layout: ParameterLayout, weights: ModelWeights, recomputes: Bool = false,
        recorder: SpanRecorder? = nil
    ) {
        self.configuration = configuration
        self.layout = layout
        network =
            switch weights.precision {
            case .float32:
                .float32(
                    BertNetwork(
                        configuration: configuration, layout: layout, weights: weights.view(as: Float.self),
                        recomputes: recomputes, recorder: recorder))
            case .bf16:
                .bf16(
                    BertNetwork(
                        configuration: configuration, layout: layout, weights: weights.view(as: BFloat16.self),
                        recomputes: recomputes, recorder: recorder))
            }
        self.weights = weights
    }

    /// Keeps alive what the network points to.
    private let weights: ModelWeights

    /// The memory that activations have taken so far.
    var activationBytes: Int {
        switch network {
        case .float32(let network): network.activationBytes
        case .bf16(let network): network.activationBytes
        }
    }

    /// The logits of a batch without dropout: S x labels, row-major.
    public func logits(_ batch: PackedBatch) -> [Float] {
        switch network {
        case .float32(let network): network.logits(batch)
        case .bf16(let network): network.logits(batch)
        }
    }

    /// The result of ``gradient(_:dropout:labelSmoothing:embeddingRows:into:)``.
    public struct Loss: Sendable, Equatable {
        /// The summed loss of the sequences.
        public var sum: Double
        /// S x labels, row-major.
        public var logits: [Float]
    }

    /// The summed loss of a micro-batch and the gradient of that sum.
    ///
    /// - Parameters:
    ///   - batch: A batch with labels, valid for the configuration.
    ///   - dropout: The masks; nil for none.
    ///   - labelSmoothing: In 0..<1.
    ///   - embeddingRows: The token ids, ascending, that have a row in the compact gradient of the word embedding;
    ///     every token of the batch must be among them.
    ///   - sink: Takes the gradient, part by part, in the order of the flat vector.
    public func gradient(
        _ batch: PackedBatch, dropout: DropoutPlan?, labelSmoothing: Double, embeddingRows: [Int32],
        into sink: some GradientSink
    ) throws(TransformerError) -> Loss {
        guard batch.labels.count == batch.sequenceCount else {
            throw .invalidBatch("\(batch.labels.count) labels for \(batch.sequenceCount) sequences")
        }
        let rows = try Self.compactRows(batch.tokenIDs, among: embeddingRows)
        let count = embeddingRows.count
        return switch network {
        case .float32(let network):
            network.gradient(
                batch, dropout: dropout, labelSmoothing: labelSmoothing, rows: rows, rowCount: count, into: sink)
        case .bf16(let network):
            network.gradient(
                batch, dropout: dropout, labelSmoothing: labelSmoothing, rows: rows, rowCount: count, into: sink)
        }
    }

    /// The place of each token id in the ascending list `rows`.
    static func compactRows(_ tokenIDs: [Int32], among rows: [Int32]) throws(TransformerError) -> [Int32] {
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
