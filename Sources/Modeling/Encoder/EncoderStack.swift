import Numerics

/// A stack of encoder layers on embeddings whose matrix products are computed in `Element`: its passes over a packed
/// micro-batch, and their memory.
///
/// Letters of shapes, here and in all files of this folder: T tokens and S sequences of the micro-batch, R rows that
/// are computed (T, or fewer where only some tokens count), hidden and intermediate sizes as in
/// ``EncoderArchitecture``.
struct EncoderStack<Element: ComputeElement> {
    let architecture: EncoderArchitecture
    let layout: ParameterLayout
    let weights: WeightsView<Element>
    /// The rows of the last layer that the head reads; only these are computed there.
    let output: RowSelection
    let recomputes: Bool
    let matmul: Matmul
    let recorder: SpanRecorder?

    /// Everything that the forward pass of one micro-batch leaves.
    struct Activations {
        /// (T, hidden), the input of the first layer.
        var input: DualRows<Element>
        var embeddings: Embeddings.Activations
        var layers: [EncoderLayer<Element>.Activations]
        var scratch: EncoderLayer<Element>.Scratch
        /// (T, hidden), the gradient that walks back through the layers.
        var gradient: UnsafeMutablePointer<Float>
        /// (R, hidden), what the last layer puts out.
        var output: UnsafeMutablePointer<Float>
        /// All rows of the batch, and those that the last layer puts out.
        var rows: (all: SelectedRows, output: SelectedRows)
    }

    private var layerCount: Int { architecture.layers.count }

    /// The first layer that the backward pass of a batch goes through.
    private var lowest: Int { layout.lowestDifferentiatedLayer }

    private func rows(_ layer: Int, _ rows: (all: SelectedRows, output: SelectedRows)) -> SelectedRows {
        layer == layerCount - 1 ? rows.output : rows.all
    }

    /// Lays out the memory of a micro-batch.
    ///
    /// - Parameter rows: Those that are put out.
    func layOut(
        _ workspace: Workspace, _ batch: PackedBatch, rows outputRows: SelectedRows, training: Bool,
        dropout: DropoutPlan?
    ) -> Activations {
        let selected = (all: SelectedRows(.allTokens, of: batch), output: outputRows)
        // See Linear.
        let tokens = Matmul.paddedRows(batch.tokenCount)
        let lastRows = Matmul.paddedRows(outputRows.count)
        let hidden = architecture.hidden
        let hiddenDropout = dropout.map { !$0.hidden.isZero } ?? false
        let adapterDropout = dropout.map { !$0.adapter.isZero } ?? false
        var longest = 0
        for s in 0..<batch.sequenceCount { longest = max(longest, Int(batch.offsets[s + 1] - batch.offsets[s])) }
        let recomputes = training && recomputes
        let shared = EncoderLayer<Element>.SharedFloats(
            // A layer that is computed again needs its input's floats again.
            output: recomputes ? nil : DualRows<Element>.sharedResidual(workspace, tokens * hidden),
            attentionOutput: DualRows<Element>.sharedResidual(workspace, tokens * hidden),
            queryInput: DualRows<Element>.sharedResidual(workspace, lastRows * hidden))
        let input = DualRows<Element>.layOut(workspace, tokens * hidden, shared: shared.output)
        let embeddings = Embeddings.layOut(
            workspace, tokens: tokens, width: hidden, training: training && layout.embeddings.hasGradient,
            dropout: hiddenDropout, output: input.residual)
        func layer(_ index: Int) -> EncoderLayer<Element>.Activations {
            let (sizes, selection) = (architecture.layers[index], rows(index, selected))
            return EncoderLayer.layOut(
                workspace, tokens: tokens, rows: selection.tokens == nil ? tokens : lastRows, hidden: hidden,
                intermediate: sizes.intermediate,
                probabilities: Attention<Element>.probabilityCount(
                    offsets: batch.offsets, heads: sizes.heads, queries: selection),
                selectsQueries: selection.tokens != nil, training: training && index >= lowest,
                hiddenDropout: hiddenDropout, shared: shared, lowRank: layout.layers[index].lowRank,
                adapterDropout: adapterDropout)
        }
        let layers = activations(workspace, training: training, recomputes: recomputes, tokens * hidden, layer)
        let backwardTokens = training && layout.trainsEncoder ? tokens : 0
        let widest = architecture.layers.map(\.intermediate).max() ?? 0
        let scratch = EncoderLayer<Element>.Scratch(
            normInput: .layOut(workspace, tokens * hidden, shared: nil),
            projectionGradient: Element.allocate(backwardTokens * hidden, in: workspace),
            feedForwardGradient: Element.allocate(backwardTokens * widest, in: workspace),
            qkvGradient: Element.allocate(backwardTokens * 3 * hidden, in: workspace),
            queryGradient: Element.allocate(lastRows * hidden, in: workspace),
            queryInputGradient: workspace.floats(lastRows * hidden), columns: workspace.floats(max(3 * hidden, widest)),
            attention: Attention<Element>.layOut(workspace, longest: longest),
            lowRank: EncoderLayer.layOutLowRankScratch(
                workspace, layout.layers.map(\.lowRank), tokens: tokens, dropout: adapterDropout))
        return Activations(
            input: input, embeddings: embeddings, layers: layers, scratch: scratch,
            gradient: workspace.floats(backwardTokens * hidden), output: layers[layerCount - 1].output.residual,
            rows: selected)
    }

    /// The activations of all layers, which share memory where no later pass reads it.
    private func activations(
        _ workspace: Workspace, training: Bool, recomputes: Bool, _ outputCount: Int,
        _ layer: (Int) -> EncoderLayer<Element>.Activations
    ) -> [EncoderLayer<Element>.Activations] {
        // Layers of the same sizes and rows take turns: to compute again one set will do, of which only outputs stay;
        // in inference, and below the lowest layer that is differentiated, two, because a layer reads the output of
        // the one before.
        var sets: [[EncoderLayer<Element>.Activations]] = []
        var kinds: [(sizes: EncoderArchitecture.Layer, isLast: Bool, isDifferentiated: Bool)] = []
        return (0..<layerCount).map { index in
            let isDifferentiated = training && index >= lowest
            if isDifferentiated && !recomputes { return layer(index) }
            // The last layer has its own: its rows may be others, and the one before is not computed again.
            let kind = (
                sizes: architecture.layers[index], isLast: index == layerCount - 1, isDifferentiated: isDifferentiated
            )
            let known = kinds.firstIndex { $0 == kind }
            let number = known ?? kinds.count
            if known == nil {
                kinds.append(kind)
                sets.append(isDifferentiated || kind.isLast ? [layer(index)] : [layer(index), layer(index)])
            }
            var own = sets[number][index % sets[number].count]
            if isDifferentiated, index < layerCount - 1 { own.output = .layOut(workspace, outputCount, shared: nil) }
            return own
        }
    }

    private func embeddings(_ dropout: DropoutPlan?) -> Embeddings {
        Embeddings(
            weights: weights.floats, slots: layout.embeddings, width: architecture.hidden,
            firstPosition: architecture.positionOffset, epsilon: architecture.epsilon, dropout: dropout)
    }

    private func layer(
        _ index: Int, _ batch: PackedBatch, _ saved: Activations, _ dropout: DropoutPlan?
    ) -> EncoderLayer<Element> {
        let heads = architecture.layers[index].heads
        let selection = rows(index, saved.rows)
        return EncoderLayer(
            weights: weights, slots: layout.layers[index],
            attention: Attention(
                heads: heads, headSize: architecture.hidden / heads, layer: index, offsets: batch.offsets,
                sampleKeys: batch.sampleKeys, queries: selection, dropout: dropout, matmul: matmul, recorder: recorder),
            epsilon: architecture.epsilon, tokens: batch.tokenCount, rows: selection.count)
    }

    /// Token ids → `saved.output` (R, hidden).
    func forward(_ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?) {
        embeddings(dropout).forward(batch, saved: saved.embeddings)
        var x = saved.input
        Element.round(x.operand, x.residual, batch.tokenCount * architecture.hidden)
        recorder?.end("embeddings, forward")
        for (index, activations) in saved.layers.enumerated() {
            layer(index, batch, saved, dropout).forward(x, saved: activations, scratch: saved.scratch)
            x = activations.output
        }
    }

    /// From the gradient of the output in `saved.gradient` (R, hidden), which is overwritten, those of all parameters
    /// that are trained; nothing below the lowest of them is computed.
    ///
    /// - Parameters:
    ///   - rows: T row numbers in the compact gradient of the word embedding.
    ///   - rowCount: The rows of that gradient.
    ///   - head: Has a part in the gradient of the word embedding where that is dense.
    func backward(
        _ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?, rows: [Int32], rowCount: Int,
        head: any HeadPasses, into sink: some GradientSink
    ) {
        let gradient = saved.gradient
        for index in (lowest..<layerCount).reversed() {
            let x = index == 0 ? saved.input : saved.layers[index - 1].output
            // The last one that was computed is still there.
            if recomputes, index < layerCount - 2 {
                layer(index, batch, saved, dropout).forward(x, saved: saved.layers[index], scratch: saved.scratch)
            }
            layer(index, batch, saved, dropout).backward(
                x: x, dy: gradient, dx: index > lowest || layout.embeddings.hasGradient ? gradient : nil,
                saved: saved.layers[index], scratch: saved.scratch, into: sink)
            if let bucket = layout.layers[index].bucket { sink.finish(bucket: bucket) }
        }
        guard layout.embeddings.hasGradient else { return }
        embeddings(dropout).backward(
            batch, dy: gradient, saved: saved.embeddings, rows: rows, rowCount: rowCount, head: head,
            columns: saved.scratch.columns, positionCount: architecture.positionRows,
            segmentCount: architecture.segments, vocabulary: architecture.vocabulary, into: sink)
        recorder?.end("embeddings, backward")
    }
}
