import CKernels
import Numerics

/// The low-rank path beside a linear layer that is frozen: y += s B A dropout(x), see ``LowRankAdapter``.
///
/// As in ``Linear``, matrices of `rows` rows have memory for `Matmul.paddedRows(rows)`.
struct LowRank<Element: ComputeElement> {
    let slot: LowRankSlot
    let weights: WeightsView<Element>
    let matmul: Matmul
    /// What kept elements of x are multiplied by; 1 without dropout.
    let keepScale: Float

    var a: UnsafePointer<Element> { weights.elements + slot.a }
    var b: UnsafePointer<Element> { weights.elements + slot.b }

    /// What the forward pass leaves for the backward pass.
    struct Saved {
        /// (rows, maskStride(inputs)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (rows, rank): s A dropout(x).
        var reduced: DualRows<Element>
    }

    /// Memory that no later pass needs, shared by all adapters.
    struct Scratch {
        /// (T, the most inputs): dropout(x).
        var dropped: UnsafeMutablePointer<Element>
        /// (T, rank): the gradient of A dropout(x).
        var reducedGradient: DualRows<Element>
        /// (T, rank): rows of those that have a query; nil where no adapter has query, key and value as one.
        var selected: DualRows<Element>?
        /// (T, the most inputs): the gradient of dropout(x).
        var inputGradient: UnsafeMutablePointer<Float>
    }

    /// What goes into A: x, or what dropout leaves of it.
    func input(
        _ x: UnsafeMutablePointer<Element>, rows: Int, _ saved: Saved, _ scratch: Scratch
    ) -> UnsafeMutablePointer<Element> {
        guard let keep = saved.keep else { return x }
        Element.dropoutCopy(scratch.dropped, x, keep, keepScale, rows, slot.inputs)
        return scratch.dropped
    }

    /// x: (rows, inputs); y: (rows, outputs), of which a row begins every `stride` elements.
    func forward<Output: ComputeElement>(
        _ x: UnsafeMutablePointer<Element>, addingTo y: UnsafeMutablePointer<Output>, stride: Int, rows: Int,
        saved: Saved, scratch: Scratch
    ) {
        reduce(x, rows: rows, saved: saved, scratch: scratch)
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: slot.outputs, k: slot.rank, a: saved.reduced.operand,
            lda: slot.rank, b: b,
            ldb: slot.rank, accumulate: true, c: y, ldc: stride)
    }

    /// x: (rows, inputs) → `saved.reduced`: s A dropout(x), (rows, rank).
    func reduce(_ x: UnsafeMutablePointer<Element>, rows: Int, saved: Saved, scratch: Scratch) {
        matmul.multiply(
            transposeB: true, m: Matmul.paddedRows(rows), n: slot.rank, k: slot.inputs,
            a: input(x, rows: rows, saved, scratch), lda: slot.inputs, b: a, ldb: slot.inputs,
            c: saved.reduced.residual, ldc: slot.rank)
        shoal_scale(saved.reduced.residual, slot.scale, rows * slot.rank)
        Element.round(saved.reduced.operand, saved.reduced.residual, rows * slot.rank)
    }

    /// From dy (rows, outputs), of which a row begins every `stride` elements: the gradients of A and B; and that of x
    /// (rows, inputs), which is added to `dx` unless that is nil.
    func backward<Output: ComputeElement>(
        _ dy: UnsafeMutablePointer<Element>, stride: Int, _ x: UnsafeMutablePointer<Element>,
        addingTo dx: UnsafeMutablePointer<Output>?, rows: Int, saved: Saved, scratch: Scratch,
        into sink: some GradientSink
    ) {
        let (padded, rank) = (Matmul.paddedRows(rows), slot.rank)
        let dReduced = scratch.reducedGradient
        matmul.multiply(
            m: padded, n: rank, k: slot.outputs, a: dy, lda: stride, b: b, ldb: rank, c: dReduced.residual, ldc: rank)
        shoal_scale(dReduced.residual, slot.scale, rows * rank)
        Element.round(dReduced.operand, dReduced.residual, rows * rank)

        let input = input(x, rows: rows, saved, scratch)
        for row in rows..<padded { (dy + row * stride).clear(slot.outputs) }
        for (matrix, width) in [(saved.reduced.operand, rank), (dReduced.operand, rank), (input, slot.inputs)] {
            (matrix + rows * width).clear((padded - rows) * width)
        }
        sink.write(slot.b, slot.outputs * rank) {
            matmul.multiply(
                transposeA: true, m: slot.outputs, n: rank, k: padded, a: dy, lda: stride, b: saved.reduced.operand,
                ldb: rank, c: $0, ldc: rank)
        }
        reduceBackward(dReduced, input, addingTo: dx, rows: rows, saved: saved, scratch: scratch, into: sink)
    }

    /// From the gradient of A dropout(x), (rows, rank), those of A and of x, which is added to `dx` unless that is nil.
    ///
    /// - Parameter input: dropout(x), whose rows beyond `rows` are zero, as are those of `dReduced`.
    func reduceBackward<Output: ComputeElement>(
        _ dReduced: DualRows<Element>, _ input: UnsafeMutablePointer<Element>,
        addingTo dx: UnsafeMutablePointer<Output>?, rows: Int, saved: Saved, scratch: Scratch,
        into sink: some GradientSink
    ) {
        let (padded, rank) = (Matmul.paddedRows(rows), slot.rank)
        sink.write(slot.a, rank * slot.inputs) {
            matmul.multiply(
                transposeA: true, m: rank, n: slot.inputs, k: padded, a: dReduced.operand, lda: rank, b: input,
                ldb: slot.inputs, c: $0, ldc: slot.inputs)
        }
        guard let dx else { return }
        guard let keep = saved.keep else {
            matmul.multiply(
                m: padded, n: slot.inputs, k: rank, a: dReduced.operand, lda: rank, b: a, ldb: slot.inputs,
                accumulate: true, c: dx, ldc: slot.inputs)
            return
        }
        matmul.multiply(
            m: padded, n: slot.inputs, k: rank, a: dReduced.operand, lda: rank, b: a, ldb: slot.inputs,
            c: scratch.inputGradient, ldc: slot.inputs)
        Output.dropoutAdd(dx, scratch.inputGradient, keep, keepScale, rows, slot.inputs)
    }
}
