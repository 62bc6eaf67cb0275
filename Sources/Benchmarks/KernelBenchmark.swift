import CKernels
import Numerics
import Support

/// The loops between the products, on one thread, beside the memory bandwidth that bounds most of them.
public struct KernelBenchmark: Sendable {
    /// Rows and columns of the matrices, such as the tokens of a micro-batch and the model's width.
    public var rows, width: Int
    /// Calls of each kernel, exactly so many, so that a count of instructions is the same each time;
    /// nil for as many as it takes to measure times.
    public var calls: Int?

    /// A benchmark on matrices of this size.
    public init(rows: Int, width: Int, calls: Int? = nil) {
        self.rows = rows
        self.width = width
        self.calls = calls
    }

    /// One row a kernel: time an element, and bytes that it reads and writes over that time.
    public func table() -> TextTable {
        var table = TextTable(columns: ["kernel", "elements", "ns_per_element", "gigabytes_per_second"])
        let count = rows * width
        func add(_ name: String, bytes: Int, elements: Int? = nil, _ body: () -> Void) {
            let seconds = calls.map { Stopwatch.mean(calls: $0, body) } ?? Stopwatch.least(body)
            let elements = elements ?? count
            table.add([
                .text(name), .number(Double(elements), decimals: 0),
                .number(seconds / Double(elements) * 1e9, decimals: 3),
                .number(Double(bytes * elements) / seconds * 1e-9, decimals: 1),
            ])
        }
        let a = filled(count), b = filled(count), c = filled(count), d = filled(count)
        let columns = filled(width), sums = FloatBuffer(count: 3 * width), rstd = filled(rows)
        let halves = FloatBuffer(count: count), other = FloatBuffer(count: count)
        let stride = (width + 7) / 8 * 8
        var keep = [UInt8](repeating: 1, count: rows * stride + 128)
        func bf16(_ buffer: FloatBuffer) -> UnsafeMutablePointer<UInt16> {
            UnsafeMutableRawPointer(buffer.pointer).assumingMemoryBound(to: UInt16.self)
        }
        shoal_bf16_from_f32(bf16(halves), a.pointer, count)
        shoal_bf16_from_f32(bf16(other), b.pointer, count)

        // To fill them takes longer than the kernels do, where instructions are counted one by one.
        let large = calls == nil ? 1 << 24 : 1 << 18
        let from = filled(large), to = filled(large)
        add("copy in memory", bytes: 8, elements: large) { to.pointer.update(from: from.pointer, count: large) }
        add("copy in cache", bytes: 8) { b.pointer.update(from: a.pointer, count: count) }
        add("GELU forward, float32", bytes: 8) { shoal_gelu_forward_f32(b.pointer, a.pointer, count) }
        add("GELU forward, bf16", bytes: 4) { shoal_gelu_forward_bf16(bf16(other), bf16(halves), count) }
        add("GELU backward, float32", bytes: 12) {
            shoal_gelu_backward_f32(b.pointer, sums.pointer, a.pointer, rows, width)
        }
        add("GELU backward, bf16", bytes: 6) {
            shoal_gelu_backward_bf16(bf16(other), sums.pointer, bf16(halves), rows, width)
        }
        add("residual, dropout, LayerNorm forward", bytes: 17) {
            shoal_layer_norm_forward(
                b.pointer, nil, c.pointer, rstd.pointer, a.pointer, columns.pointer, keep, stride, 1.1, d.pointer,
                columns.pointer, columns.pointer, rows, width, 1e-12)
        }
        add("residual, LayerNorm forward", bytes: 12) {
            shoal_layer_norm_forward(
                b.pointer, nil, nil, nil, a.pointer, columns.pointer, nil, 0, 1, d.pointer, columns.pointer,
                columns.pointer, rows, width, 1e-12)
        }
        add("LayerNorm backward", bytes: 17) {
            shoal_layer_norm_backward_f32(
                b.pointer, d.pointer, sums.pointer, sums.pointer + width, sums.pointer + 2 * width, a.pointer,
                c.pointer, rstd.pointer, keep, stride, 1.1, columns.pointer, rows, width)
        }
        add("attention softmax forward, float32", bytes: 13) {
            shoal_softmax_forward_f32(c.pointer, a.pointer, d.pointer, keep, stride, 1.1, 0.2, rows, width)
        }
        add("attention softmax forward, bf16", bytes: 9) {
            shoal_softmax_forward_bf16(
                bf16(other), a.pointer, bf16(halves), keep, stride, 1.1, 0.2, rows, width)
        }
        add("attention softmax backward, float32", bytes: 12) {
            shoal_softmax_backward_f32(b.pointer, b.pointer, c.pointer, 1.1, 0.2, rows, width)
        }
        add("dropout mask", bytes: 1) { shoal_dropout_keep(&keep, rows * stride / 8, 0, 1, 2, 3, 4, 5, 6554) }
        add("gradient sum", bytes: 12, elements: large) { shoal_add(to.pointer, from.pointer, large) }
        add("AdamW", bytes: 28, elements: large / 4) {
            var step = shoal_adamw_step(
                gradient_scale: 1, decay: 0.999, beta1_rest: 0.1, beta2: 0.999, beta2_rest: 0.001, step_size: 1e-5,
                sqrt_bias2: 1, epsilon: 1e-8)
            let quarter = large / 4
            shoal_adamw(
                to.pointer, to.pointer + quarter, to.pointer + 2 * quarter, from.pointer, quarter, &step)
        }
        return table
    }

    private func filled(_ count: Int) -> FloatBuffer {
        let buffer = FloatBuffer(count: count)
        for i in 0..<count { buffer.pointer[i] = Float((i &* 7919) % 1000) * 1e-3 + 0.01 }
        return buffer
    }
}
