import Numerics

/// The adapters of an encoder layer; a target without one costs nothing.
extension EncoderLayer {
    /// Lays out what the adapters save.
    ///
    /// - Parameters:
    ///   - tokens: The rows that keys and values are made of.
    ///   - rows: The rows of all other layers.
    static func layOutLowRank(
        _ workspace: Workspace, _ slots: ByTarget<LowRankSlot>, tokens: Int, rows: Int, dropout: Bool
    ) -> ByTarget<LowRank<Element>.Saved> {
        var saved = ByTarget<LowRank<Element>.Saved>()
        for target in LowRankAdapter.Target.allCases {
            guard let slot = slots[target] else { continue }
            let rows = target.readsAllTokens ? tokens : rows
            saved[target] = LowRank.Saved(
                keep: dropout ? workspace.bytes(rows * maskStride(slot.inputs)) : nil,
                reduced: .layOut(workspace, rows * slot.rank, shared: nil))
        }
        return saved
    }

    /// Lays out the scratch memory of the adapters of all layers; nil where there are none.
    static func layOutLowRankScratch(
        _ workspace: Workspace, _ layers: [ByTarget<LowRankSlot>], tokens: Int, dropout: Bool
    ) -> LowRank<Element>.Scratch? {
        let slots = layers.flatMap(\.present)
        guard let rank = slots.map(\.rank).max(), let inputs = slots.map(\.inputs).max() else { return nil }
        let dropped = dropout ? tokens * inputs : 0
        return LowRank.Scratch(
            dropped: Element.allocate(dropped, in: workspace),
            reducedGradient: .layOut(workspace, tokens * rank, shared: nil),
            selected: layers.contains { $0[.queryKeyValue] != nil }
                ? .layOut(workspace, tokens * rank, shared: nil) : nil,
            inputGradient: workspace.floats(dropped))
    }

    /// Adds what the adapter of `target` makes of x (rows, inputs) to y, of which a row begins every `stride` elements.
    func addLowRank<Output: ComputeElement>(
        _ target: LowRankAdapter.Target, _ x: UnsafeMutablePointer<Element>, to y: UnsafeMutablePointer<Output>,
        stride: Int, rows: Int, saved: Activations, scratch: Scratch
    ) {
        guard let (path, saved, scratch) = lowRank(target, saved, scratch) else { return }
        drawMask(target, saved.keep, width: path.slot.inputs)
        path.forward(x, addingTo: y, stride: stride, rows: rows, saved: saved, scratch: scratch)
        recorderForAdapters?.end("adapters, forward")
    }

    /// The gradients of the adapter of `target`, from that of y; see ``LowRank``.
    func lowRankBackward<Output: ComputeElement>(
        _ target: LowRankAdapter.Target, _ dy: UnsafeMutablePointer<Element>, stride: Int,
        _ x: UnsafeMutablePointer<Element>, addingTo dx: UnsafeMutablePointer<Output>?, rows: Int, saved: Activations,
        scratch: Scratch, into sink: some GradientSink
    ) {
        guard let (path, saved, scratch) = lowRank(target, saved, scratch) else { return }
        path.backward(dy, stride: stride, x, addingTo: dx, rows: rows, saved: saved, scratch: scratch, into: sink)
        recorderForAdapters?.end("adapters, gradients")
    }

    var recorderForAdapters: SpanRecorder? { attention.recorder }

    func lowRank(
        _ target: LowRankAdapter.Target, _ saved: Activations, _ scratch: Scratch
    ) -> (path: LowRank<Element>, saved: LowRank<Element>.Saved, scratch: LowRank<Element>.Scratch)? {
        guard let slot = slots.lowRank[target], let saved = saved.lowRank[target], let scratch = scratch.lowRank else {
            return nil
        }
        let path = LowRank(
            slot: slot, weights: weights, matmul: attention.matmul,
            keepScale: saved.keep == nil ? 1 : attention.dropout?.adapter.scale ?? 1)
        return (path, saved, scratch)
    }

    /// Draws the mask of an adapter's input. A row's mask is that of its place among the rows of its sequence.
    func drawMask(_ target: LowRankAdapter.Target, _ keep: UnsafeMutablePointer<UInt8>?, width: Int) {
        guard let keep, let dropout = attention.dropout else { return }
        var row = 0
        for (s, key) in attention.sampleKeys.enumerated() {
            let count =
                target.readsAllTokens
                ? Int(attention.offsets[s + 1] - attention.offsets[s]) : attention.queries.rows(of: s)
            guard count > 0 else { continue }
            dropout.mask(
                keep + row * maskStride(width), rate: dropout.adapter,
                site: .adapter(layer: attention.layer, target: target), sample: key, firstRow: 0, rows: count,
                width: width)
            row += count
        }
    }
}
