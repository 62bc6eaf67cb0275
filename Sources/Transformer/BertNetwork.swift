import Checkpoint
import Numerics

/// A BERT encoder with a classification head whose encoder computes in `Element`: the passes and their memory.
final class BertNetwork<Element: ComputeElement> {
    private let configuration: BertConfiguration
    private let layout: ParameterLayout
    private let weights: WeightsView<Element>
    private let workspace = Workspace()
    private let matmul = Matmul()
    private let recomputes: Bool
    private let recorder: SpanRecorder?

    init(
        configuration: BertConfiguration, layout: ParameterLayout, weights: WeightsView<Element>, recomputes: Bool,
        recorder: SpanRecorder?
    ) {
        self.configuration = configuration
        self.layout = layout
        self.weights = weights
        self.recomputes = recomputes
        self.recorder = recorder
    }

    /// The memory of activations so far.
    var activationBytes: Int { workspace.byteCount }

    /// Everything that the forward pass of one micro-batch leaves.
    struct Activations {
        /// (T, hidden), the input of the first layer.
        var input: Stream<Element>
        var embeddings: Embeddings.Activations
        var layers: [EncoderLayer<Element>.Activations]
        var head: ClassificationHead.Activations
        var scratch: EncoderLayer<Element>.Scratch
        /// (T, hidden), the gradient that walks back through the layers.
        var gradient: UnsafeMutablePointer<Float>
    }

    /// The logits of a batch without dropout: S x labels, row-major.
    func logits(_ batch: PackedBatch) -> [Float] {
        Matmul.useOneThread()
        recorder?.begin()
        let saved = plan(batch, training: false, dropout: nil)
        forward(batch, saved: saved, dropout: nil)
        return logits(batch, saved)
    }

    private func logits(_ batch: PackedBatch, _ saved: Activations) -> [Float] {
        let count = batch.sequenceCount * configuration.labels.count
        return Array(UnsafeBufferPointer(start: saved.head.logits, count: count))
    }

    /// See ``BertClassifier/gradient(_:dropout:labelSmoothing:embeddingRows:into:)``; `rows` holds the place of each
    /// token's row in the compact gradient of the word embedding, which has `rowCount` rows.
    func gradient(
        _ batch: PackedBatch, dropout: DropoutPlan?, labelSmoothing: Double, rows: [Int32], rowCount: Int,
        into sink: some GradientSink
    ) -> BertClassifier.Loss {
        Matmul.useOneThread()
        recorder?.begin()
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
        let logits = logits(batch, saved)
        backward(batch, saved: saved, dropout: dropout, rows: rows, rowCount: rowCount, into: sink)
        return BertClassifier.Loss(sum: sum, logits: logits)
    }

    private func isLast(_ layer: Int) -> Bool { layer == configuration.layers - 1 }

    private func plan(_ batch: PackedBatch, training: Bool, dropout: DropoutPlan?) -> Activations {
        // See Linear.
        let tokens = Matmul.paddedRows(batch.tokenCount)
        let sequences = Matmul.paddedRows(batch.sequenceCount)
        let hidden = configuration.hiddenSize
        let intermediate = configuration.intermediateSize
        let heads = configuration.heads
        let hiddenDropout = dropout.map { !$0.hidden.isZero } ?? false
        let classifierDropout = dropout.map { !$0.classifier.isZero } ?? false
        var longest = 0
        for s in 0..<batch.sequenceCount { longest = max(longest, Int(batch.offsets[s + 1] - batch.offsets[s])) }
        let recomputes = training && recomputes
        return workspace.plan { workspace in
            let shared = EncoderLayer<Element>.SharedFloats(
                // Who computes a layer again needs its input's floats again.
                output: recomputes ? nil : Stream<Element>.sharedFloats(workspace, tokens * hidden),
                attentionOutput: Stream<Element>.sharedFloats(workspace, tokens * hidden),
                queryInput: Stream<Element>.sharedFloats(workspace, sequences * hidden))
            let input = Stream<Element>.layOut(workspace, tokens * hidden, shared: shared.output)
            let embeddings = Embeddings.layOut(
                workspace, tokens: tokens, width: hidden, training: training, dropout: hiddenDropout,
                output: input.floats)
            func layer(_ last: Bool) -> EncoderLayer<Element>.Activations {
                EncoderLayer.layOut(
                    workspace, tokens: tokens, rows: last ? sequences : tokens, hidden: hidden,
                    intermediate: intermediate,
                    probabilities: Attention<Element>.probabilityCount(
                        offsets: batch.offsets, heads: heads, firstTokenOnly: last),
                    firstTokenOnly: last, training: training, hiddenDropout: hiddenDropout, shared: shared)
            }
            var layers: [EncoderLayer<Element>.Activations] = []
            if recomputes {
                // One set for all layers but the last, whose rows are others; only outputs stay.
                let common = configuration.layers > 1 ? layer(false) : nil
                layers = (0..<configuration.layers).map { index in
                    guard !isLast(index), var own = common else { return layer(true) }
                    own.output = .layOut(workspace, tokens * hidden, shared: nil)
                    return own
                }
            } else if training {
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
            let scratch = EncoderLayer<Element>.Scratch(
                a: .layOut(workspace, tokens * hidden, shared: nil),
                b: Element.allocate(backwardTokens * hidden, in: workspace),
                wide: Element.allocate(backwardTokens * intermediate, in: workspace),
                dqkv: Element.allocate(backwardTokens * 3 * hidden, in: workspace),
                dq: Element.allocate(sequences * hidden, in: workspace),
                queryGradient: workspace.floats(sequences * hidden), columns: workspace.floats(3 * hidden),
                attention: Attention<Element>.layOut(workspace, longest: longest))
            return Activations(
                input: input, embeddings: embeddings, layers: layers, head: head, scratch: scratch,
                gradient: workspace.floats(backwardTokens * hidden))
        }
    }

    private func embeddings(_ dropout: DropoutPlan?) -> Embeddings {
        Embeddings(
            weights: weights.floats, place: layout.embeddings, width: configuration.hiddenSize,
            epsilon: configuration.layerNormEpsilon, dropout: dropout)
    }

    private func layer(_ index: Int, _ batch: PackedBatch, _ dropout: DropoutPlan?) -> EncoderLayer<Element> {
        let last = isLast(index)
        return EncoderLayer(
            weights: weights, place: layout.layers[index],
            attention: Attention(
                heads: configuration.heads, headSize: configuration.hiddenSize / configuration.heads, layer: index,
                offsets: batch.offsets, sampleKeys: batch.sampleKeys, firstTokenOnly: last, dropout: dropout,
                matmul: matmul, recorder: recorder),
            epsilon: configuration.layerNormEpsilon, tokens: batch.tokenCount,
            rows: last ? batch.sequenceCount : batch.tokenCount)
    }

    private func head(_ dropout: DropoutPlan?) -> ClassificationHead {
        let floats = WeightsView(floats: weights.floats, elements: weights.floats)
        return ClassificationHead(
            pooler: Linear(floats, layout.pooler, matmul), classifier: Linear(floats, layout.classifier, matmul),
            dropout: dropout)
    }

    private func forward(_ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?) {
        embeddings(dropout).forward(batch, saved: saved.embeddings)
        var x = saved.input
        Element.round(x.elements, x.floats, batch.tokenCount * configuration.hiddenSize)
        recorder?.end("embeddings, forward")
        for (index, activations) in saved.layers.enumerated() {
            layer(index, batch, dropout).forward(x, saved: activations, scratch: saved.scratch)
            x = activations.output
        }
        head(dropout).forward(x.floats, sampleKeys: batch.sampleKeys, rows: batch.sequenceCount, saved: saved.head)
        recorder?.end("head, forward")
    }

    private func backward(
        _ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?, rows: [Int32], rowCount: Int,
        into sink: some GradientSink
    ) {
        let gradient = saved.gradient
        head(dropout).backward(
            saved.layers[configuration.layers - 1].output.floats, dFirst: gradient, rows: batch.sequenceCount,
            saved: saved.head, into: sink)
        recorder?.end("loss and head, backward")
        for index in (0..<configuration.layers).reversed() {
            let x = index == 0 ? saved.input : saved.layers[index - 1].output
            // The last one that was computed is still there.
            if recomputes, index < configuration.layers - 2 {
                layer(index, batch, dropout).forward(x, saved: saved.layers[index], scratch: saved.scratch)
            }
            layer(index, batch, dropout).backward(
                x: x, dy: gradient, dx: gradient, saved: saved.layers[index], scratch: saved.scratch, into: sink)
            sink.finish(bucket: layout.bucket(layer: index))
        }
        embeddings(dropout).backward(
            batch, dy: gradient, saved: saved.embeddings, rows: rows, rowCount: rowCount,
            columns: saved.scratch.columns, layout: layout, maxPositions: configuration.maxPositions,
            types: configuration.typeVocabSize, into: sink)
        recorder?.end("embeddings, backward")
    }
}
