import Numerics

/// Multi-head scaled dot-product attention (Vaswani et al. 2017) over packed sequences.
///
/// Each sequence attends to itself alone, so there is no mask for padding: there is no padding. Queries may be those of
/// every token, or those of some tokens of each sequence, where that is all that the layer above looks at.
struct Attention<Element: ComputeElement> {
    let heads: Int
    /// Head dimension.
    let headSize: Int
    /// The layer, which keys dropout.
    let layer: Int
    /// The S + 1 offsets of the sequences among keys and values.
    let offsets: [Int32]
    /// The Philox key of each sequence, S.
    let sampleKeys: [UInt32]
    /// The tokens that have a query.
    let queries: SelectedRows
    /// What is added to the scores; nil for nothing.
    let bias: ScoreBias?
    let dropout: DropoutPlan?
    let matmul: Matmul
    let recorder: SpanRecorder?

    /// Where queries, keys and values (or their gradients) stand: one row per token, `stride` elements apart.
    struct Operand {
        var pointer: UnsafeMutablePointer<Element>
        var stride: Int
    }

    /// Memory for one head of the longest sequence.
    struct Scratch {
        /// (longest, longest); nil where scores are put straight to where the probabilities go.
        var scores: UnsafeMutablePointer<Float>?
        /// (longest, longest)
        var dropped: UnsafeMutablePointer<Element>
        /// (longest, longest), the gradient of the dropped probabilities and that of the scores.
        var gradient: DualRows<Element>
        /// (longest, maskStride(longest)) bytes
        var keep: UnsafeMutablePointer<UInt8>
    }

    /// Lays out the scratch memory for sequences of up to `longest` tokens.
    static func layOut(_ workspace: Workspace, longest: Int) -> Scratch {
        let count = longest * longest
        return Scratch(
            scores: DualRows<Element>.sharedResidual(workspace, count), dropped: Element.allocate(count, in: workspace),
            gradient: DualRows.layOut(workspace, count, shared: nil),
            keep: workspace.bytes(longest * maskStride(longest))
        )
    }

    /// The number of elements of the stored probabilities: one (queries, keys) matrix per head and sequence.
    static func probabilityCount(offsets: [Int32], heads: Int, queries: SelectedRows) -> Int {
        var count = 0
        for s in 0..<(offsets.count - 1) {
            let length = Int(offsets[s + 1] - offsets[s])
            count += heads * queries.rows(of: s) * length
        }
        return count
    }

    private var scale: Float { 1 / Float(headSize).squareRoot() }

    private var rate: DropoutRate? {
        guard let dropout, !dropout.attention.isZero else { return nil }
        return dropout.attention
    }

    /// The part of one sequence and one head.
    private struct HeadTile {
        var sequence: Int
        var head: Int
        /// The first row of the queries, and of the keys and values.
        var queryRow: Int
        var keyRow: Int
        /// The number of queries, and of keys and values.
        var queries: Int
        var keys: Int
        /// Where its (queries, keys) probabilities begin.
        var offset: Int
    }

    /// Calls `body` for each sequence and head.
    @inline(__always)
    private func forEachHead(_ body: (HeadTile) -> Void) {
        var offset = 0
        for s in 0..<(offsets.count - 1) {
            let keyRow = Int(offsets[s])
            let keys = Int(offsets[s + 1]) - keyRow
            let count = queries.rows(of: s)
            // A micro-batch may have sequences of which nothing is looked at: their keys and values have no gradient.
            for head in 0..<heads {
                body(
                    HeadTile(
                        sequence: s, head: head, queryRow: Int(queries.offsets[s]), keyRow: keyRow, queries: count,
                        keys: keys, offset: offset))
                offset += count * keys
            }
        }
    }

    /// context = dropout(softmax((q kᵀ + bias) / √d)) v.
    ///
    /// - Parameters:
    ///   - p: The probabilities, (queries, keys) per head and sequence, the sign bit set on dropped ones, for the
    ///     backward pass.
    ///   - context: (queries, heads * headSize).
    func forward(
        q: Operand, k: Operand, v: Operand, p: UnsafeMutablePointer<Element>, context: UnsafeMutablePointer<Element>,
        scratch: Scratch
    ) {
        let width = heads * headSize
        forEachHead { tile in
            let (n, l) = (tile.queries, tile.keys)
            let column = tile.head * headSize
            let probabilities = p + tile.offset
            guard let scores = scratch.scores ?? Element.floats(probabilities) else {
                preconditionFailure("scores need memory of their own")
            }
            let isBiased = bias?.changes(length: l) ?? false
            if isBiased {
                bias?.fill(scores, head: tile.head, row: tile.queryRow, count: n, length: l)
            }
            matmul.multiply(
                transposeB: true, m: n, n: l, k: headSize, a: q.pointer + tile.queryRow * q.stride + column,
                lda: q.stride, b: k.pointer + tile.keyRow * k.stride + column, ldb: k.stride, accumulate: isBiased,
                c: scores, ldc: l)
            var weights = probabilities
            if let dropout, let rate {
                // A query's row in the mask is that of its head and its place among the queries.
                dropout.mask(
                    scratch.keep, rate: rate, site: .attention(layer: layer), sample: sampleKeys[tile.sequence],
                    firstRow: tile.head * l, rows: n, width: l)
                Element.softmaxForward(
                    probabilities, scores, scratch.dropped, scratch.keep, maskStride(l), rate.scale, scale, n, l)
                weights = scratch.dropped
            } else {
                Element.softmaxForward(probabilities, scores, nil, nil, 0, 1, scale, n, l)
            }
            matmul.multiply(
                m: n, n: headSize, k: l, a: weights, lda: l, b: v.pointer + tile.keyRow * v.stride + column,
                ldb: v.stride,
                c: context + tile.queryRow * width + column, ldc: width)
        }
    }

    /// From the gradient of the context, those of queries, keys and values.
    func backward(
        q: Operand, k: Operand, v: Operand, p: UnsafePointer<Element>, dContext: UnsafePointer<Element>, dq: Operand,
        dk: Operand, dv: Operand, scratch: Scratch
    ) {
        let width = heads * headSize
        forEachHead { tile in
            let (n, l) = (tile.queries, tile.keys)
            let column = tile.head * headSize
            let probabilities = p + tile.offset
            let dContext = dContext + tile.queryRow * width + column
            var weights = probabilities
            if let rate {
                Element.softmaxDropped(scratch.dropped, probabilities, rate.scale, n * l)
                weights = UnsafePointer(scratch.dropped)
            }
            matmul.multiply(
                transposeA: true, m: l, n: headSize, k: n, a: weights, lda: l, b: dContext, ldb: width,
                c: dv.pointer + tile.keyRow * dv.stride + column, ldc: dv.stride)
            let gradient = scratch.gradient
            matmul.multiply(
                transposeB: true, m: n, n: l, k: headSize, a: dContext, lda: width,
                b: v.pointer + tile.keyRow * v.stride + column, ldb: v.stride, c: gradient.residual, ldc: l)
            Element.softmaxBackward(
                gradient.operand, gradient.residual, probabilities, rate?.scale ?? 1, scale, n, l)
            bias?.add(gradient.operand, head: tile.head, row: tile.queryRow, count: n, length: l)
            matmul.multiply(
                m: n, n: headSize, k: l, a: gradient.operand, lda: l, b: k.pointer + tile.keyRow * k.stride + column,
                ldb: k.stride, c: dq.pointer + tile.queryRow * dq.stride + column, ldc: dq.stride)
            matmul.multiply(
                transposeA: true, m: l, n: headSize, k: n, a: gradient.operand, lda: l,
                b: q.pointer + tile.queryRow * q.stride + column, ldb: q.stride,
                c: dk.pointer + tile.keyRow * dk.stride + column,
                ldc: dk.stride)
        }
    }
}
