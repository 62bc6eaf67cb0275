import Numerics

/// Multi-head scaled dot-product attention (Vaswani et al. 2017) over packed sequences.
///
/// Each sequence attends to itself alone, so there is no mask for padding: there is no padding. Queries may be those of
/// every token, or those of the first token of each sequence, where that is all that the layer above looks at.
struct Attention<Element: ComputeElement> {
    let heads: Int
    /// Floats a head.
    let headSize: Int
    /// The layer, which keys dropout.
    let layer: Int
    /// The S + 1 offsets of the sequences among keys and values.
    let offsets: [Int32]
    /// S keys of dropout.
    let sampleKeys: [UInt32]
    /// One query a sequence instead of one a token.
    let firstTokenOnly: Bool
    let dropout: DropoutPlan?
    let matmul: Matmul
    let recorder: SpanRecorder?

    /// Where queries, keys and values (or their gradients) stand: a row a token, `stride` floats apart.
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
        var gradient: Stream<Element>
        /// (longest, maskStride(longest)) bytes
        var keep: UnsafeMutablePointer<UInt8>
    }

    /// Lays out the scratch memory for sequences of up to `longest` tokens.
    static func layOut(_ workspace: Workspace, longest: Int) -> Scratch {
        let count = longest * longest
        return Scratch(
            scores: Stream<Element>.sharedFloats(workspace, count), dropped: Element.allocate(count, in: workspace),
            gradient: Stream.layOut(workspace, count, shared: nil), keep: workspace.bytes(longest * maskStride(longest))
        )
    }

    /// The number of elements of the stored probabilities: a (queries, keys) matrix a head and sequence.
    static func probabilityCount(offsets: [Int32], heads: Int, firstTokenOnly: Bool) -> Int {
        var count = 0
        for s in 0..<(offsets.count - 1) {
            let length = Int(offsets[s + 1] - offsets[s])
            count += heads * (firstTokenOnly ? 1 : length) * length
        }
        return count
    }

    private var scale: Float { 1 / Float(headSize).squareRoot() }

    private var rate: DropoutRate? {
        guard let dropout, !dropout.attention.isZero else { return nil }
        return dropout.attention
    }

    /// Calls `body` for each sequence and head with the first query row, the first key row, the number of queries and
    /// of keys, and the offset of its probabilities.
    @inline(__always)
    private func forEachHead(
        _ body: (_ s: Int, _ head: Int, _ q0: Int, _ k0: Int, _ n: Int, _ l: Int, _ p: Int) -> Void
    ) {
        var p = 0
        for s in 0..<(offsets.count - 1) {
            let k0 = Int(offsets[s])
            let l = Int(offsets[s + 1]) - k0
            let n = firstTokenOnly ? 1 : l
            for head in 0..<heads {
                body(s, head, firstTokenOnly ? s : k0, k0, n, l, p)
                p += n * l
            }
        }
    }

    /// context = dropout(softmax(q kᵀ / √d)) v.
    ///
    /// - Parameters:
    ///   - p: The probabilities, (queries, keys) a head and sequence, the sign bit set on dropped ones, for the
    ///     backward pass.
    ///   - context: (queries, heads * headSize).
    func forward(
        q: Operand, k: Operand, v: Operand, p: UnsafeMutablePointer<Element>, context: UnsafeMutablePointer<Element>,
        scratch: Scratch
    ) {
        let width = heads * headSize
        forEachHead { s, head, q0, k0, n, l, offset in
            let column = head * headSize
            let probabilities = p + offset
            guard let scores = scratch.scores ?? Element.floats(probabilities) else {
                preconditionFailure("scores need memory of their own")
            }
            matmul.multiply(
                transposeB: true, m: n, n: l, k: headSize, a: q.pointer + q0 * q.stride + column, lda: q.stride,
                b: k.pointer + k0 * k.stride + column, ldb: k.stride, c: scores, ldc: l)
            var weights = probabilities
            if let dropout, let rate {
                // A query's row in the mask is that of its head and position, whichever queries are computed.
                dropout.mask(
                    scratch.keep, rate: rate, site: .attention(layer: layer), sample: sampleKeys[s],
                    firstRow: head * l, rows: n, width: l)
                Element.softmaxForward(
                    probabilities, scores, scratch.dropped, scratch.keep, maskStride(l), rate.scale, scale, n, l)
                weights = scratch.dropped
            } else {
                Element.softmaxForward(probabilities, scores, nil, nil, 0, 1, scale, n, l)
            }
            matmul.multiply(
                m: n, n: headSize, k: l, a: weights, lda: l, b: v.pointer + k0 * v.stride + column, ldb: v.stride,
                c: context + q0 * width + column, ldc: width)
        }
    }

    /// From the gradient of the context, those of queries, keys and values.
    func backward(
        q: Operand, k: Operand, v: Operand, p: UnsafePointer<Element>, dContext: UnsafePointer<Element>, dq: Operand,
        dk: Operand, dv: Operand, scratch: Scratch
    ) {
        let width = heads * headSize
        forEachHead { s, head, q0, k0, n, l, offset in
            let column = head * headSize
            let probabilities = p + offset
            let dContext = dContext + q0 * width + column
            var weights = probabilities
            if let rate {
                Element.softmaxDropped(scratch.dropped, probabilities, rate.scale, n * l)
                weights = UnsafePointer(scratch.dropped)
            }
            matmul.multiply(
                transposeA: true, m: l, n: headSize, k: n, a: weights, lda: l, b: dContext, ldb: width,
                c: dv.pointer + k0 * dv.stride + column, ldc: dv.stride)
            let gradient = scratch.gradient
            matmul.multiply(
                transposeB: true, m: n, n: l, k: headSize, a: dContext, lda: width,
                b: v.pointer + k0 * v.stride + column, ldb: v.stride, c: gradient.floats, ldc: l)
            Element.softmaxBackward(
                gradient.elements, gradient.floats, probabilities, rate?.scale ?? 1, scale, n, l)
            matmul.multiply(
                m: n, n: headSize, k: l, a: gradient.elements, lda: l, b: k.pointer + k0 * k.stride + column,
                ldb: k.stride, c: dq.pointer + q0 * dq.stride + column, ldc: dq.stride)
            matmul.multiply(
                transposeA: true, m: l, n: headSize, k: n, a: gradient.elements, lda: l,
                b: q.pointer + q0 * q.stride + column, ldb: q.stride, c: dk.pointer + k0 * dk.stride + column,
                ldc: dk.stride)
        }
    }
}
