import CKernels
import Numerics

/// The adapter of query, key and value as one layer, where queries are computed of selected rows alone, apart from keys
/// and values: A reduces all tokens, of which the selected ones are multiplied by the upper third of B as well.
extension LowRank {
    /// x: (tokens, inputs). Adds to keys and values, (tokens, 2 inputs), and to queries, (selected, inputs).
    func forward(
        _ x: UnsafeMutablePointer<Element>, keysAndValues: UnsafeMutablePointer<Element>,
        queries: UnsafeMutablePointer<Element>, _ selected: [Int32], tokens: Int, saved: Saved, scratch: Scratch
    ) {
        reduce(x, rows: tokens, saved: saved, scratch: scratch)
        let width = slot.inputs
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(tokens), n: 2 * width, k: slot.rank, a: saved.reduced.operand,
            lda: slot.rank, b: b + width * slot.rank, ldb: slot.rank, accumulate: true, c: keysAndValues,
            ldc: 2 * width)
        guard let rows = scratch.selected?.operand else { return }
        gather(selected, saved.reduced.operand, to: rows)
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(selected.count), n: width, k: slot.rank, a: rows, lda: slot.rank,
            b: b, ldb: slot.rank, accumulate: true, c: queries, ldc: width)
    }

    /// From the gradients of queries and of keys and values: those of A and B, and that of x, which is added to `dx`
    /// unless that is nil.
    func backward(
        queries: UnsafeMutablePointer<Element>, keysAndValues: UnsafeMutablePointer<Element>,
        _ x: UnsafeMutablePointer<Element>, _ selected: [Int32], addingTo dx: UnsafeMutablePointer<Float>?,
        tokens: Int, saved: Saved, scratch: Scratch, into sink: some GradientSink
    ) {
        guard let rows = scratch.selected else { return }
        let (rank, width, count) = (slot.rank, slot.inputs, selected.count)
        let (padded, paddedRows) = (Matmul.paddedRows(tokens), Matmul.paddedRows(count))
        let dReduced = scratch.reducedGradient
        matmul.multiply(
            m: padded, n: rank, k: 2 * width, a: keysAndValues, lda: 2 * width, b: b + width * rank, ldb: rank,
            c: dReduced.residual, ldc: rank)
        matmul.multiply(
            m: paddedRows, n: rank, k: width, a: queries, lda: width, b: b, ldb: rank, c: rows.residual, ldc: rank)
        for (row, token) in selected.enumerated() {
            shoal_add(dReduced.residual + Int(token) * rank, rows.residual + row * rank, rank)
        }
        shoal_scale(dReduced.residual, slot.scale, tokens * rank)
        Element.round(dReduced.operand, dReduced.residual, tokens * rank)

        let input = input(x, rows: tokens, saved, scratch)
        gather(selected, saved.reduced.operand, to: rows.operand)
        (queries + count * width).clear((paddedRows - count) * width)
        (rows.operand + count * rank).clear((paddedRows - count) * rank)
        (keysAndValues + tokens * 2 * width).clear((padded - tokens) * 2 * width)
        for (matrix, width) in [(saved.reduced.operand, rank), (dReduced.operand, rank), (input, width)] {
            (matrix + tokens * width).clear((padded - tokens) * width)
        }
        sink.write(slot.b, 3 * width * rank) {
            matmul.multiply(
                transposeA: true, m: width, n: rank, k: paddedRows, a: queries, lda: width, b: rows.operand, ldb: rank,
                c: $0, ldc: rank)
            matmul.multiply(
                transposeA: true, m: 2 * width, n: rank, k: padded, a: keysAndValues, lda: 2 * width,
                b: saved.reduced.operand, ldb: rank, c: $0 + width * rank, ldc: rank)
        }
        reduceBackward(dReduced, input, addingTo: dx, rows: tokens, saved: saved, scratch: scratch, into: sink)
    }

    private func gather(
        _ selected: [Int32], _ from: UnsafeMutablePointer<Element>, to rows: UnsafeMutablePointer<Element>
    ) {
        for (row, token) in selected.enumerated() {
            (rows + row * slot.rank).update(from: from + Int(token) * slot.rank, count: slot.rank)
        }
    }
}

extension EncoderLayer {
    /// Adds what the adapter of query, key and value makes of x (tokens, hidden) to keys and values, and to the queries
    /// of the selected tokens.
    func addPackedLowRank(
        _ x: UnsafeMutablePointer<Element>, queries: UnsafeMutablePointer<Element>, _ selected: [Int32],
        saved: Activations, scratch: Scratch
    ) {
        guard let (path, state, memory) = lowRank(.queryKeyValue, saved, scratch) else { return }
        drawMask(.queryKeyValue, state.keep, width: path.slot.inputs)
        path.forward(
            x, keysAndValues: saved.qkv, queries: queries, selected, tokens: tokens, saved: state, scratch: memory)
        recorderForAdapters?.end("adapters, forward")
    }

    /// The gradients of that adapter.
    func packedLowRankBackward(
        _ x: UnsafeMutablePointer<Element>, _ selected: [Int32], addingTo dx: UnsafeMutablePointer<Float>?,
        saved: Activations, scratch: Scratch, into sink: some GradientSink
    ) {
        guard let (path, state, memory) = lowRank(.queryKeyValue, saved, scratch) else { return }
        path.backward(
            queries: scratch.queryGradient, keysAndValues: scratch.qkvGradient, x, selected, addingTo: dx,
            tokens: tokens, saved: state, scratch: memory, into: sink)
        recorderForAdapters?.end("adapters, gradients")
    }
}

extension LowRankAdapter.Target {
    /// Whether the layer is computed of all tokens, and not of those alone that are looked at.
    var readsAllTokens: Bool { self == .key || self == .value || self == .queryKeyValue }
}
