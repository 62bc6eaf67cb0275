import CKernels
import Numerics

/// Attention with its linear layers.
extension EncoderLayer {
    /// Query, key and value as one layer of (3 hidden, hidden).
    private var fusedQKV: Linear<Element> { linear(slots.queryKeyValue) }

    /// Key and value as one layer of (2 hidden, hidden).
    private var fusedKV: Linear<Element> {
        var fused = slots.key
        fused.outputs = 2 * hidden
        return linear(fused)
    }

    private func operands(
        _ qkv: UnsafeMutablePointer<Element>, queries: UnsafeMutablePointer<Element>?
    ) -> (q: Attention<Element>.Operand, k: Attention<Element>.Operand, v: Attention<Element>.Operand) {
        if let queries {
            return (
                .init(pointer: queries, stride: hidden), .init(pointer: qkv, stride: 2 * hidden),
                .init(pointer: qkv + hidden, stride: 2 * hidden)
            )
        }
        return (
            .init(pointer: qkv, stride: 3 * hidden), .init(pointer: qkv + hidden, stride: 3 * hidden),
            .init(pointer: qkv + 2 * hidden, stride: 3 * hidden)
        )
    }

    /// Copies the rows of these tokens. `to` may be `from`: tokens ascend.
    func gather<T>(_ tokens: [Int32], _ from: UnsafeMutablePointer<T>, to: UnsafeMutablePointer<T>) {
        for (row, token) in tokens.enumerated() {
            (to + row * hidden).update(from: from + Int(token) * hidden, count: hidden)
        }
    }

    /// x: (tokens, hidden) → `scratch.normInput.residual`: (rows, hidden), without the bias of the output.
    func attend(_ x: UnsafeMutablePointer<Element>, saved: Activations, scratch: Scratch) {
        if let queryInput = saved.queryInput, let queries = saved.queries, let selected = attention.queries.tokens {
            gather(selected, x, to: queryInput.operand)
            linear(slots.query).forward(queryInput.operand, queries, rows: rows)
            fusedKV.forward(x, saved.qkv, rows: tokens)
            addLowRank(
                .query, queryInput.operand, to: queries, stride: hidden, rows: rows, saved: saved, scratch: scratch)
            addPackedLowRank(x, queries: queries, selected, saved: saved, scratch: scratch)
        } else {
            fusedQKV.forward(x, saved.qkv, rows: tokens)
        }
        recorder?.end("query, key, value, forward")
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        if !selectsQueries {
            addLowRank(.query, x, to: q.pointer, stride: q.stride, rows: tokens, saved: saved, scratch: scratch)
            addLowRank(
                .queryKeyValue, x, to: saved.qkv, stride: 3 * hidden, rows: tokens, saved: saved, scratch: scratch)
        }
        addLowRank(.key, x, to: k.pointer, stride: k.stride, rows: tokens, saved: saved, scratch: scratch)
        addLowRank(.value, x, to: v.pointer, stride: v.stride, rows: tokens, saved: saved, scratch: scratch)
        rotate(q, k, direction: 1)
        attention.forward(
            q: q, k: k, v: v, p: saved.probabilities, context: saved.context, scratch: scratch.attention)
        recorder?.end("attention, forward")

        linear(slots.attentionOutput).forwardWithoutBias(saved.context, scratch.normInput.residual, rows: rows)
        recorder?.end("attention output, forward")
        addLowRank(
            .attentionOutput, saved.context, to: scratch.normInput.residual, stride: hidden, rows: rows, saved: saved,
            scratch: scratch)
    }

    /// Turns queries and keys, or their gradients, where positions are angles.
    private func rotate(
        _ q: Attention<Element>.Operand, _ k: Attention<Element>.Operand, direction: Float
    ) {
        guard let rotary else { return }
        let (heads, size) = (attention.heads, attention.headSize)
        for (operand, positions, count) in [(q, rotary.queries, rows), (k, rotary.keys, tokens)] {
            Element.rotate(
                operand.pointer, operand.stride, positions, rotary.table.cosines, rotary.table.sines, direction, count,
                heads, size)
        }
    }

    /// From the gradient of the output in `da`, that of x.
    ///
    /// - Parameters:
    ///   - dRows: (rows, hidden): the gradient of the rows that have a query is put, or added, here on its way; without
    ///     selected queries it may be `dx`.
    ///   - dx: (tokens, hidden): the gradient of x, with what is in `dRows`; nil where none is asked for.
    func attendBackward(
        _ da: UnsafeMutablePointer<Element>, _ x: UnsafeMutablePointer<Element>, dRows: UnsafeMutablePointer<Float>,
        accumulate: Bool, dx: UnsafeMutablePointer<Float>?, saved: Activations, scratch: Scratch,
        into sink: some GradientSink
    ) {
        let projection = linear(slots.attentionOutput)
        projection.backwardWeight(da, saved.context, rows: rows, into: sink)
        recorder?.end("attention output, weight gradient")
        projection.backwardInput(da, scratch.projectionGradient, rows: rows)
        recorder?.end("attention output, input gradient")
        lowRankBackward(
            .attentionOutput, da, stride: hidden, saved.context, addingTo: scratch.projectionGradient, rows: rows,
            saved: saved, scratch: scratch, into: sink)
        let (q, k, v) = operands(saved.qkv, queries: saved.queries)
        let (dq, dk, dv) = operands(scratch.qkvGradient, queries: selectsQueries ? scratch.queryGradient : nil)
        attention.backward(
            q: q, k: k, v: v, p: saved.probabilities, dContext: scratch.projectionGradient, dq: dq, dk: dk, dv: dv,
            scratch: scratch.attention)
        rotate(dq, dk, direction: -1)
        recorder?.end("attention, backward")

        if let queryInput = saved.queryInput {
            let query = linear(slots.query)
            query.backwardWeight(scratch.queryGradient, queryInput.operand, rows: rows, into: sink)
            fusedKV.backwardWeight(scratch.qkvGradient, x, rows: tokens, into: sink)
            query.backwardBias(scratch.queryGradient, rows: rows, into: sink)
            fusedKV.backwardBias(scratch.qkvGradient, rows: tokens, into: sink)
            if dx != nil {
                query.backwardInput(scratch.queryGradient, dRows, rows: rows, accumulate: accumulate)
            }
            lowRankBackward(
                .query, dq.pointer, stride: dq.stride, queryInput.operand, addingTo: dx == nil ? nil : dRows,
                rows: rows, saved: saved, scratch: scratch, into: sink)
            if let dx {
                // The gradient of the queries' rows waits elsewhere while dx, perhaps the same memory, is filled.
                if dRows != scratch.queryInputGradient {
                    scratch.queryInputGradient.update(from: dRows, count: rows * hidden)
                }
                fusedKV.backwardInput(scratch.qkvGradient, dx, rows: tokens)
                addRows(scratch.queryInputGradient, to: dx)
            }
        } else {
            fusedQKV.backwardWeight(scratch.qkvGradient, x, rows: tokens, into: sink)
            fusedQKV.backwardBias(scratch.qkvGradient, rows: tokens, into: sink)
            if let dx {
                fusedQKV.backwardInput(scratch.qkvGradient, dRows, rows: tokens, accumulate: accumulate)
                if dx != dRows { dx.update(from: dRows, count: tokens * hidden) }
            }
        }
        recorder?.end("query, key, value, gradients")
        if !selectsQueries {
            lowRankBackward(
                .query, dq.pointer, stride: dq.stride, x, addingTo: dx, rows: tokens, saved: saved,
                scratch: scratch, into: sink)
            lowRankBackward(
                .queryKeyValue, scratch.qkvGradient, stride: 3 * hidden, x, addingTo: dx, rows: tokens, saved: saved,
                scratch: scratch, into: sink)
        } else if let selected = attention.queries.tokens {
            packedLowRankBackward(x, selected, addingTo: dx, saved: saved, scratch: scratch, into: sink)
        }
        for (target, gradient) in [(LowRankAdapter.Target.key, dk), (.value, dv)] {
            lowRankBackward(
                target, gradient.pointer, stride: gradient.stride, x, addingTo: dx, rows: tokens,
                saved: saved, scratch: scratch, into: sink)
        }
    }

    /// Adds the rows that have a query, (rows, hidden), to those of all tokens.
    func addRows(_ rows: UnsafePointer<Float>, to all: UnsafeMutablePointer<Float>) {
        for (row, token) in (attention.queries.tokens ?? []).enumerated() {
            shoal_add(all + Int(token) * hidden, rows + row * hidden, hidden)
        }
    }
}

/// The angles of a layer's rotary positions.
struct RotaryPositions {
    var table: RotaryTables.Table
    /// The place in its sequence of each query, and of each token, by their rows.
    var queries: UnsafePointer<Int32>
    var keys: UnsafePointer<Int32>
}
