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
    private let rotaryTables = RotaryTables()
    /// Beta of LayerNorms that have none.
    private let zeros: FloatBuffer

    init(
        architecture: EncoderArchitecture, layout: ParameterLayout, weights: WeightsView<Element>, output: RowSelection,
        recomputes: Bool, matmul: Matmul, recorder: SpanRecorder?
    ) {
        self.architecture = architecture
        self.layout = layout
        self.weights = weights
        self.output = output
        self.recomputes = recomputes
        self.matmul = matmul
        self.recorder = recorder
        zeros = FloatBuffer(count: max(architecture.hidden, architecture.embeddingWidth))
    }

    /// Everything that the forward pass of one micro-batch leaves.
    struct Activations {
        /// (T, hidden), the input of the first layer.
        var input: DualRows<Element>
        var embeddings: Embeddings.Activations
        /// (T, embedding width), the gradient of the embeddings where a linear layer follows; else nil.
        var embeddingGradient: UnsafeMutablePointer<Float>?
        /// Nil where attention has no bias by distance.
        var relativeBias: RelativePositionBias.Activations?
        /// T and R, the place of each token, and of each that the last layer puts out, in its sequence.
        var positions: (all: UnsafeMutablePointer<Int32>, output: UnsafeMutablePointer<Int32>)
        /// The most tokens of a sequence.
        var longest: Int
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
        let isPre = architecture.features.normalization == .pre
        let shared = EncoderLayer<Element>.SharedFloats(
            // A layer that is computed again needs its input's floats again.
            output: recomputes ? nil : DualRows<Element>.sharedResidual(workspace, tokens * hidden),
            attentionOutput: DualRows<Element>.sharedResidual(workspace, tokens * hidden),
            queryInput: DualRows<Element>.sharedResidual(workspace, lastRows * hidden),
            attentionInput: isPre ? DualRows<Element>.sharedResidual(workspace, tokens * hidden) : nil)
        let input = DualRows<Element>.layOut(workspace, tokens * hidden, shared: shared.output)
        let width = architecture.embeddingWidth
        let projects = layout.embeddings.projection != nil
        let trainsEmbeddings = training && layout.embeddings.hasGradient
        let embeddings = Embeddings.layOut(
            workspace, tokens: tokens, width: width, training: trainsEmbeddings, dropout: hiddenDropout,
            output: projects ? workspace.floats(tokens * width) : input.residual)
        let relativeBias = architecture.features.relativeBias.map { _ in
            RelativePositionBias.layOut(
                workspace, longest: longest, heads: architecture.layers[0].heads,
                training: training && layout.embeddings.bucket != nil)
        }
        func layer(_ index: Int) -> EncoderLayer<Element>.Activations {
            let selection = rows(index, selected)
            return EncoderLayer.layOut(
                workspace, layout.layers[index], architecture.features,
                EncoderLayer<Element>.Sizes(
                    tokens: tokens, rows: selection.tokens == nil ? tokens : lastRows,
                    probabilities: Attention<Element>.probabilityCount(
                        offsets: batch.offsets, heads: architecture.layers[index].heads, queries: selection),
                    selectsQueries: selection.tokens != nil, training: training && index >= lowest,
                    hiddenDropout: hiddenDropout, adapterDropout: adapterDropout), shared: shared)
        }
        let layers = activations(workspace, training: training, recomputes: recomputes, tokens * hidden, layer)
        return Activations(
            input: input, embeddings: embeddings,
            embeddingGradient: projects && trainsEmbeddings ? workspace.floats(tokens * width) : nil,
            relativeBias: relativeBias,
            positions: (workspace.integers(batch.tokenCount), workspace.integers(outputRows.count)), longest: longest,
            layers: layers,
            scratch: scratch(
                workspace, tokens: tokens, lastRows: lastRows, longest: longest,
                backwardTokens: training && layout.trainsEncoder ? tokens : 0, adapterDropout: adapterDropout),
            gradient: workspace.floats(training && layout.trainsEncoder ? tokens * hidden : 0),
            output: layers[layerCount - 1].output.residual, rows: selected)
    }

    /// The memory that all layers share.
    private func scratch(
        _ workspace: Workspace, tokens: Int, lastRows: Int, longest: Int, backwardTokens: Int, adapterDropout: Bool
    ) -> EncoderLayer<Element>.Scratch {
        let hidden = architecture.hidden
        let widest = architecture.layers.map { architecture.preActivationWidth($0) }.max() ?? 0
        let isGated = architecture.features.activation == .geglu
        let normInput = DualRows<Element>.layOut(workspace, tokens * hidden, shared: nil)
        let projectionGradient = Element.allocate(backwardTokens * hidden, in: workspace)
        let feedForwardGradient = Element.allocate(backwardTokens * widest, in: workspace)
        return EncoderLayer<Element>.Scratch(
            normInput: normInput, projectionGradient: projectionGradient, feedForwardGradient: feedForwardGradient,
            preActivationGradient: isGated
                ? Element.allocate(backwardTokens * widest, in: workspace) : feedForwardGradient,
            qkvGradient: Element.allocate(backwardTokens * 3 * hidden, in: workspace),
            queryGradient: Element.allocate(lastRows * hidden, in: workspace),
            queryInputGradient: workspace.floats(lastRows * hidden),
            columns: workspace.floats(max(3 * hidden, widest, 2 * architecture.embeddingWidth)),
            attention: Attention<Element>.layOut(workspace, longest: longest),
            lowRank: EncoderLayer.layOutLowRankScratch(
                workspace, layout.layers.map(\.lowRank), tokens: tokens, dropout: adapterDropout))
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
        var kinds: [(sizes: EncoderArchitecture.Layer, isLast: Bool, hasAttentionNorm: Bool, isDifferentiated: Bool)] =
            []
        return (0..<layerCount).map { index in
            let isDifferentiated = training && index >= lowest
            if isDifferentiated && !recomputes { return layer(index) }
            // The last layer has its own: its rows may be others, and the one before is not computed again.
            let kind = (
                sizes: architecture.layers[index], isLast: index == layerCount - 1,
                hasAttentionNorm: layout.layers[index].attentionNorm != nil, isDifferentiated: isDifferentiated
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
            weights: weights.floats, slots: layout.embeddings, width: architecture.embeddingWidth,
            firstPosition: architecture.positionOffset, epsilon: architecture.epsilon,
            zeros: UnsafePointer(zeros.pointer), dropout: dropout)
    }

    /// From the embeddings to the first layer; nil where they are as wide.
    private var projection: Linear<Float>? {
        layout.embeddings.projection.map {
            Linear(WeightsView(floats: weights.floats, elements: weights.floats), $0, matmul)
        }
    }

    private func relativeBias(
        _ saved: Activations
    ) -> (table: RelativePositionBias, saved: RelativePositionBias.Activations)? {
        guard let bias = architecture.features.relativeBias, let offset = layout.embeddings.relativeBias,
            let saved = saved.relativeBias
        else { return nil }
        let heads = architecture.layers[0].heads
        let table = RelativePositionBias(
            bias: bias, heads: heads, headSize: architecture.hidden / heads, table: weights.floats + offset)
        return (table, saved)
    }

    private func layer(
        _ index: Int, _ batch: PackedBatch, _ saved: Activations, _ dropout: DropoutPlan?
    ) -> EncoderLayer<Element> {
        let sizes = architecture.layers[index]
        let headSize = architecture.hidden / sizes.heads
        let selection = rows(index, saved.rows)
        let queryPositions = UnsafePointer(selection.tokens == nil ? saved.positions.all : saved.positions.output)
        var bias: ScoreBias?
        if saved.relativeBias != nil || sizes.window != nil {
            bias = ScoreBias(
                vectors: saved.relativeBias?.vectors, gradient: saved.relativeBias?.gradient, longest: saved.longest,
                window: sizes.window, positions: queryPositions)
        }
        var rotary: RotaryPositions?
        if case .rotary(_, let globalBase, let localBase) = architecture.positions {
            rotary = RotaryPositions(
                table: rotaryTables.table(
                    base: sizes.window == nil ? globalBase : localBase, size: headSize, length: saved.longest),
                queries: queryPositions, keys: UnsafePointer(saved.positions.all))
        }
        return EncoderLayer(
            weights: weights, slots: layout.layers[index],
            attention: Attention(
                heads: sizes.heads, headSize: headSize, layer: index, offsets: batch.offsets,
                sampleKeys: batch.sampleKeys, queries: selection, bias: bias, dropout: dropout, matmul: matmul,
                recorder: recorder),
            features: architecture.features, rotary: rotary, epsilon: architecture.epsilon,
            zeros: UnsafePointer(zeros.pointer), tokens: batch.tokenCount, rows: selection.count)
    }

    /// Fills in the places of tokens in their sequences.
    private func place(_ batch: PackedBatch, _ saved: Activations) {
        for s in 0..<batch.sequenceCount {
            let start = batch.offsets[s]
            for t in start..<batch.offsets[s + 1] { saved.positions.all[Int(t)] = t - start }
        }
        for (row, token) in (saved.rows.output.tokens ?? []).enumerated() {
            saved.positions.output[row] = saved.positions.all[Int(token)]
        }
    }

    /// Token ids → `saved.output` (R, hidden).
    func forward(_ batch: PackedBatch, saved: Activations, dropout: DropoutPlan?) {
        place(batch, saved)
        if let (table, saved) = relativeBias(saved) { table.forward(saved) }
        embeddings(dropout).forward(batch, saved: saved.embeddings)
        var x = saved.input
        projection?.forward(saved.embeddings.output, x.residual, rows: batch.tokenCount)
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
        var embeddingGradient = gradient
        if let projection, let narrow = saved.embeddingGradient {
            projection.backwardWeight(gradient, saved.embeddings.output, rows: batch.tokenCount, into: sink)
            projection.backwardBias(gradient, rows: batch.tokenCount, into: sink)
            projection.backwardInput(gradient, narrow, rows: batch.tokenCount)
            embeddingGradient = narrow
        }
        embeddings(dropout).backward(
            batch, dy: embeddingGradient, saved: saved.embeddings, rows: rows, rowCount: rowCount, head: head,
            columns: saved.scratch.columns, positionCount: architecture.positionRows,
            segmentCount: architecture.segments, vocabulary: architecture.vocabulary,
            relativeBias: relativeBias(saved), into: sink)
        recorder?.end("embeddings, backward")
    }
}
