import CKernels
import Checkpoint
import Numerics

/// A BERT encoder with a classification head over weights that it does not own: what one compute thread works with.
///
/// Several of these may share weights while nobody writes to them. One must be used by one thread at a time; its memory
/// for activations is its own.
public final class BertClassifier {
    /// The model's configuration.
    public let configuration: BertConfiguration
    /// Where each tensor stands in the weights.
    public let layout: ParameterLayout
    private let weights: FloatBuffer
    private let workspace = Workspace()

    /// A classifier over `weights`, a flat vector of `layout.count` floats.
    public init(configuration: BertConfiguration, layout: ParameterLayout, weights: FloatBuffer) {
        precondition(weights.count == layout.count, "the weights do not have the length of their layout")
        self.configuration = configuration
        self.layout = layout
        self.weights = weights
    }

    /// Everything that the forward pass of one micro-batch leaves.
    private struct Activations {
        var embeddings: Embeddings.Activations
        var layers: [EncoderLayer.Activations]
        var head: ClassificationHead.Activations
        var scratch: EncoderLayer.Scratch
        /// (T, hidden), the gradient that walks back through the layers.
        var gradient: UnsafeMutablePointer<Float>
    }

    /// The logits of a batch without dropout: S x labels, row-major.
    public func logits(_ batch: PackedBatch) -> [Float] {
        Matmul.useOneThread()
        let saved = plan(batch, training: false, dropout: nil)
        forward(batch, saved: saved, dropout: nil)
        return Array(
            UnsafeBufferPointer(start: saved.head.logits, count: batch.sequenceCount * configuration.labels.count))
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
    ///   - embeddingRows: The token ids, ascending, that have a row in the compact gradient of the word embedding; every
    ///     token of the batch must be among them.
    ///   - sink: Takes the gradient, part by part, in the order of the flat vector.
    public func gradient(
        _ batch: PackedBatch, dropout: DropoutPlan?, labelSmoothing: Double, embeddingRows: [Int32],
        into sink: some GradientSink
    ) throws(TransformerError) -> Loss {
        Matmul.useOneThread()
        guard batch.labels.count == batch.sequenceCount else {
            throw .invalidBatch("\(batch.labels.count) labels for \(batch.sequenceCount) sequences")
        }
        let rows = try Self.compactRows(batch.tokenIDs, among: embeddingRows)
        let saved = plan(batch, training: true, dropout: dropout)
        forward(batch, saved: saved, dropout: dropout)
        let classes = configuration.labels.count
        var sum = 0.0
        for (row, label) in batch.labels.enumerated() {
            sum += CrossEntropy.loss(
                UnsafeBufferPointer(start: saved.head.logits + row * classes, count: classes), label: Int(label),
                smoothing: labelSmoothing,
                gradient: UnsafeMutableBufferPointer(start: saved.head.dLogits + row * classes, count: classes))
        }
        let logits = Array(UnsafeBufferPointer(start: saved.head.logits, count: batch.sequenceCount * classes))
        backward(batch, saved: saved, dropout: dropout, rows: rows, rowCount: embeddingRows.count, into: sink)
        return Loss(sum: sum, logits: logits)
    }

    /// The place of each token id in the ascending list `rows`.
    static func compactRows(_ tokenIDs: [Int32], among rows: [Int32]) throws(TransformerError) -> [Int32] {
        var result = [Int32](repeating: 0, count: tokenIDs.count)
        for (t, id) in tokenIDs.enumerated() {
            var low = 0
            var high = rows.count
            while low < high {
                let middle = (low + high) / 2
                if rows[middle] < id { low = middle + 1 } else { high = middle }
            }
            guard low < rows.count, rows[low] == id else {
                throw .invalidBatch("token id \(id) is not among the rows of the step's gradient")
            }
            result[t] = Int32(low)
        }
        return result
    }

    private var base: UnsafePointer<Float> { UnsafePointer(weights.pointer) }

    private func isLast(_ layer: Int) -> Bool { layer == configuration.layers - 1 }

    private func plan(_ batch: PackedBatch, training: Bool, dropout: DropoutPlan?) -> Activations {
        let tokens = batch.tokenCount
        let sequences = batch.sequenceCount
        let hidden = configuration.hiddenSize
        let intermediate = configuration.intermediateSize
        let heads = configuration.heads
        let hiddenDropout = dropout.map { !$0.hidden.isZero } ?? false
        let classifierDropout = dropout.map { !$0.classifier.isZero } ?? false
        var longest = 0
        for s in 0..<sequences { longest = max(longest, Int(batch.offsets[s + 1] - batch.offsets[s])) }
        return workspace.plan { workspace in
            let embeddings = Embeddings.layOut(
                workspace, tokens: tokens, width: hidden, training: training, dropout: hiddenDropout)
            func layer(_ last: Bool) -> EncoderLayer.Activations {
                EncoderLayer.layOut(
                    workspace, tokens: tokens, rows: last ? sequences : tokens, hidden: hidden,
                    intermediate: intermediate,
                    probabilities: Attention.probabilityCount(
                        offsets: batch.offsets, heads: heads, firstTokenOnly: last),
                    firstTokenOnly: last, training: training, hiddenDropout: hiddenDropout)
            }
            var layers: [EncoderLayer.Activations] = []
            if training {
                layers = (0..<configuration.layers).map { layer(isLast($0)) }
            } else {
                // A layer reads the output of the one before, so two sets taken in turn will do.
                let pair = [layer(false), layer(false)]
                layers = (0..<configuration.layers).map { isLast($0) ? layer(true) : pair[$0 % 2] }
            }
            let head = ClassificationHead.layOut(
                workspace, rows: sequences, hidden: hidden, labels: configuration.labels.count,
                dropout: classifierDropout)
            let backwardTokens = training ? tokens : 0
            let scratch = EncoderLayer.Scratch(
                a: workspace.floats(tokens * hidden), b: workspace.floats(backwardTokens * hidden),
                wide: workspace.floats(backwardTokens * intermediate),
                dqkv: workspace.floats(backwardTokens * 3 * hidden), dq: workspace.floats(sequences * hidden),
                columns: workspace.floats(3 * hidden),
                attention: Attention.Scratch(
                    dropped: workspace.floats(longest * longest), gradient: workspace.floats(longest * longest),
                    keep: workspace.bytes(longest * maskStride(longest))))
            return Activations(
                embeddings: embeddings, layers: layers, head: head, scratch: scratch,
                gradient: workspace.floats(backwardTokens * hidden))
        }
    }

    private func embeddings(_ dropout: DropoutPlan?) -> Embeddings {
        Embeddings(
            weights: base, place: layout.embeddings, width: configuration.hiddenSize,
            epsilon: configuration.layerNormEpsilon, dropout: dropout)
    }

    private func layer(_ index: Int, _ batch: PackedBatch, _ dropout: DropoutPlan?) -> EncoderLayer {
        let last = isLast(index)
        return EncoderLayer(
            weights: base, place: layout.layers[index],
            attention: Attention(
                heads: configuration.heads, headSize: configuration.hiddenSize / configuration.heads, layer: index,
                offsets: batch.offsets, sampleKeys: batch.sampleKeys, firstTokenOnly: last, dropout: dropout),
            epsilon: configuration.layerNormEpsilon, tokens: batch.tokenCount,
            rows: last ? batch.sequenceCount : batch.tokenCount)
    }

    private func head(_ dropout: DropoutPlan?) -> ClassificationHead {
        ClassificationHead(
            pooler: Linear(base, layout.pooler), classifier: Linear(base, layout.classifier), dropout: dropout)
    }

    private func forward(_ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?) {
        embeddings(dropout).forward(batch, saved: saved.embeddings)
        var x = UnsafePointer(saved.embeddings.output)
        for (index, activations) in saved.layers.enumerated() {
            layer(index, batch, dropout).forward(x, saved: activations, scratch: saved.scratch)
            x = UnsafePointer(activations.output)
        }
        head(dropout).forward(x, sampleKeys: batch.sampleKeys, rows: batch.sequenceCount, saved: saved.head)
    }

    private func backward(
        _ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?, rows: [Int32], rowCount: Int,
        into sink: some GradientSink
    ) {
        let gradient = saved.gradient
        head(dropout).backward(
            saved.layers[configuration.layers - 1].output, dFirst: gradient, rows: batch.sequenceCount,
            saved: saved.head, into: sink)
        for index in (0..<configuration.layers).reversed() {
            let x = index == 0 ? saved.embeddings.output : saved.layers[index - 1].output
            layer(index, batch, dropout).backward(
                x: x, dy: gradient, dx: gradient, saved: saved.layers[index], scratch: saved.scratch, into: sink)
            sink.finish(bucket: layout.bucket(layer: index))
        }
        embeddings(dropout).backward(
            batch, dy: gradient, saved: saved.embeddings, rows: rows, rowCount: rowCount,
            columns: saved.scratch.columns, layout: layout, maxPositions: configuration.maxPositions,
            types: configuration.typeVocabSize, into: sink)
    }
}
