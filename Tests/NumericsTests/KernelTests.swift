import CKernels
import Foundation
import Testing

@testable import Numerics

@Suite struct KernelTests {
    private func random(_ count: Int, _ stream: UInt32, scale: Float = 1) -> [Float] {
        var s = PhiloxStream(seed: 9, purpose: .initialization, stream: stream)
        return (0..<count).map { _ in Float(s.nextUnit() * 2 - 1) * scale }
    }

    @Test func `softmax rows sum to one and agree with the definition`() {
        let (rows, columns) = (5, 37)
        let scores = random(rows * columns, 1, scale: 12)
        var work = scores
        var p = scores
        shoal_softmax_forward_f32(&p, &work, nil, nil, 0, 1, 0.5, rows, columns)
        work = scores
        var half = [UInt16](repeating: 0, count: scores.count)
        shoal_softmax_forward_bf16(&half, &work, nil, nil, 0, 1, 0.5, rows, columns)
        for r in 0..<rows {
            let row = (0..<columns).map { Double(scores[r * columns + $0]) / 2 }
            let largest = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - largest) }
            for c in 0..<columns {
                #expect(abs(Double(p[r * columns + c]) - exp(row[c] - largest) / sum) < 1e-6)
                #expect(half[r * columns + c] == BFloat16(p[r * columns + c]).bits)
            }
        }
    }

    @Test func `softmax survives huge and tiny scores`() {
        var scores: [Float] = [1e30, -1e30, 0, 1e30]
        var p = scores
        shoal_softmax_forward_f32(&p, &scores, nil, nil, 0, 1, 1, 1, 4)
        #expect(p == [0.5, 0, 0, 0.5])
    }

    @Test func `softmax marks dropped elements by their sign`() {
        var scores: [Float] = [0, 0, 0, 0]
        var p = scores
        var dropped: [Float] = [9, 9, 9, 9]
        shoal_softmax_forward_f32(&p, &scores, &dropped, [1, 0, 1, 0, 1, 1, 1, 1], 8, 2, 1, 1, 4)
        #expect(p == [0.25, -0.25, 0.25, -0.25])
        #expect(dropped == [0.5, 0, 0.5, 0])
        var again: [Float] = [9, 9, 9, 9]
        shoal_softmax_dropped_f32(&again, p, 2, 4)
        #expect(again == dropped)
    }

    @Test func `GELU agrees with the error function`() {
        let x = stride(from: Float(-9), through: 9, by: 0.01).map { $0 }
        var y = [Float](repeating: 0, count: x.count)
        shoal_gelu_forward_f32(&y, x, x.count)
        var dy = [Float](repeating: 1, count: x.count)
        var dBias = [Float](repeating: 0, count: x.count)
        shoal_gelu_backward_f32(&dy, &dBias, x, 1, x.count)
        for i in x.indices {
            let v = Double(x[i])
            let cdf = 0.5 * (1 + erf(v / 2.0.squareRoot()))
            #expect(abs(Double(y[i]) - v * cdf) < 1e-6 * max(1, abs(v)))
            let slope = cdf + v * exp(-v * v / 2) / (2 * Double.pi).squareRoot()
            #expect(abs(Double(dy[i]) - slope) < 1e-6)
        }
        #expect(dBias == dy)
    }

    @Test func `LayerNorm agrees with the definition and its finite differences`() {
        let (rows, width) = (3, 21)
        let a = random(rows * width, 2)
        let bias = random(width, 3)
        let residual = random(rows * width, 4)
        let gamma = random(width, 5)
        let beta = random(width, 6)
        let weights = random(rows * width, 7)
        let keep = (0..<(rows * 24)).map { UInt8($0 % 5 == 0 ? 0 : 1) }
        func forward(_ a: [Float], _ residual: [Float]) -> Double {
            var loss = 0.0
            for r in 0..<rows {
                let x = (0..<width).map { c -> Double in
                    let kept = keep[r * 24 + c] == 1
                    return (kept ? (Double(a[r * width + c]) + Double(bias[c])) * 1.25 : 0)
                        + Double(residual[r * width + c])
                }
                let mean = x.reduce(0, +) / Double(width)
                let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                for c in 0..<width {
                    let y = (x[c] - mean) / (variance + 1e-5).squareRoot() * Double(gamma[c]) + Double(beta[c])
                    loss += y * Double(weights[r * width + c])
                }
            }
            return loss
        }
        var y = [Float](repeating: 0, count: rows * width)
        var rounded = [UInt16](repeating: 0, count: rows * width)
        var normalized = y
        var rstd = [Float](repeating: 0, count: rows)
        shoal_layer_norm_forward(
            &y, &rounded, &normalized, &rstd, a, bias, keep, 24, 1.25, residual, gamma, beta, rows, width, 1e-5)
        let loss = zip(y, weights).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(loss - forward(a, residual)) < 1e-4)
        #expect(rounded == y.map { BFloat16($0).bits })

        var dResidual = y
        var da = y
        var dGamma = [Float](repeating: 0, count: width)
        var dBeta = dGamma
        var dBias = dGamma
        shoal_layer_norm_backward_f32(
            &dResidual, &da, &dGamma, &dBeta, &dBias, weights, normalized, rstd, keep, 24, 1.25, gamma, rows, width)
        for i in stride(from: 0, to: rows * width, by: 4) {
            var (up, down) = (residual, residual)
            up[i] += 1e-2
            down[i] -= 1e-2
            #expect(abs(Double(dResidual[i]) - (forward(a, up) - forward(a, down)) / 0.02) < 2e-3)
            (up, down) = (a, a)
            up[i] += 1e-2
            down[i] -= 1e-2
            #expect(abs(Double(da[i]) - (forward(up, residual) - forward(down, residual)) / 0.02) < 2e-3)
        }
        for c in 0..<width {
            let columns = (0..<rows).map { $0 * width + c }
            #expect(abs(dBeta[c] - columns.reduce(0) { $0 + weights[$1] }) < 1e-5)
            #expect(abs(dGamma[c] - columns.reduce(0) { $0 + weights[$1] * normalized[$1] }) < 1e-5)
            #expect(abs(dBias[c] - columns.reduce(0) { $0 + da[$1] }) < 1e-5)
        }
    }

    @Test func `sums of squares are exact in double precision`() {
        let values = random(1003, 8)
        let exact = values.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(shoal_sum_of_squares(values, values.count) - exact) < 1e-10 * exact)
        #expect(shoal_sum_of_squares(values, 0) == 0)
    }

    @Test func `scatter adds rows that occur twice`() {
        var table: [Float] = [0, 0, 1, 1, 2, 2]
        shoal_scatter_add(&table, [1, 2, 3, 4, 5, 6], [2, 0, 2], 3, 2)
        #expect(table == [3, 4, 1, 1, 8, 10])
    }

    @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
    func `products agree with the definition`(transposeA: Bool, transposeB: Bool) {
        let (m, n, k) = (7, 5, 11)
        let a = random(m * k, 10)
        let b = random(k * n, 11)
        let bias = random(n, 13)
        let before = random(m * n, 12)
        for hasBias in [false, true] {
            var c = before
            bias.withUnsafeBufferPointer { bias in
                Matmul().multiply(
                    transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a, lda: transposeA ? m : k,
                    b: b, ldb: transposeB ? k : n, bias: hasBias ? bias.baseAddress : nil, accumulate: !hasBias, c: &c,
                    ldc: n)
            }
            for i in 0..<m {
                for j in 0..<n {
                    let rest = Double(hasBias ? bias[j] : before[i * n + j])
                    let sum = dot(a, b, i, j, (m, n, k), transposeA, transposeB)
                    #expect(abs(Double(c[i * n + j]) - (sum + rest)) < 1e-5)
                }
            }
        }
    }

    @Test func `an empty sum is zero, or adds nothing`() {
        func product<Element: MatrixElement>(_ before: Element, accumulate: Bool) -> [Element] {
            let (m, n, width) = (3, 5, 7)
            var c = [Element](repeating: before, count: m * width)
            let nothing = [before]
            for transposeA in [false, true] {
                Matmul().multiply(
                    transposeA: transposeA, m: m, n: n, k: 0, a: nothing, lda: 4, b: nothing, ldb: width,
                    accumulate: accumulate, c: &c, ldc: width)
            }
            return c
        }
        // Columns behind the product are not its own.
        #expect(product(Float(9), accumulate: false) == (0..<21).map { $0 % 7 < 5 ? 0 : 9 })
        #expect(product(BFloat16(9), accumulate: false) == (0..<21).map { BFloat16($0 % 7 < 5 ? 0 : 9) })
        #expect(product(Float(9), accumulate: true) == .init(repeating: 9, count: 21))
        #expect(product(BFloat16(9), accumulate: true) == .init(repeating: BFloat16(9), count: 21))
    }

    /// Row `i` of op(a) times column `j` of op(b).
    private func dot(
        _ a: [Float], _ b: [Float], _ i: Int, _ j: Int, _ shape: (m: Int, n: Int, k: Int), _ transposeA: Bool,
        _ transposeB: Bool
    ) -> Double {
        (0..<shape.k).reduce(0.0) { sum, p in
            sum + Double(transposeA ? a[p * shape.m + i] : a[i * shape.k + p])
                * Double(transposeB ? b[j * shape.k + p] : b[p * shape.n + j])
        }
    }

    @Test(
        .enabled(if: Matmul.hasBFloat16, "this processor multiplies no bfloat16"),
        arguments: [(false, false), (false, true), (true, false), (true, true)])
    func `products of bfloat16 are summed in float32`(transposeA: Bool, transposeB: Bool) {
        let (m, n, k) = (33, 17, 70)
        let a = random(m * k, 10).map { BFloat16($0) }
        let b = random(k * n, 11).map { BFloat16($0) }
        let bias = random(n, 13)
        var floats = random(m * n, 12)
        let before = floats
        var halves = [BFloat16](repeating: BFloat16(9), count: m * n)
        let matmul = Matmul()
        matmul.multiply(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a, lda: transposeA ? m : k, b: b,
            ldb: transposeB ? k : n, accumulate: true, c: &floats, ldc: n)
        bias.withUnsafeBufferPointer {
            matmul.multiply(
                transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, a: a, lda: transposeA ? m : k, b: b,
                ldb: transposeB ? k : n, bias: $0.baseAddress, c: &halves, ldc: n)
        }
        for i in 0..<m {
            for j in 0..<n {
                let sum = dot(a.map(\.float), b.map(\.float), i, j, (m, n, k), transposeA, transposeB)
                #expect(abs(Double(floats[i * n + j]) - (sum + Double(before[i * n + j]))) < 2e-5)
                let exact = sum + Double(bias[j])
                #expect(abs(Double(halves[i * n + j].float) - exact) < 2e-5 + abs(exact) / 250)
            }
        }
    }

    @Test func `bfloat16 is rounded to nearest, ties to even`() {
        let cases: [(UInt32, UInt16)] = [
            (0x3f80_0000, 0x3f80), (0x3f80_8000, 0x3f80), (0x3f81_8000, 0x3f82), (0x3f80_8001, 0x3f81),
            (0x7f7f_ffff, 0x7f80), (0xff80_0000, 0xff80), (0x8000_0000, 0x8000), (0x0000_0001, 0),
        ]
        for (bits, expected) in cases { #expect(BFloat16(Float(bitPattern: bits)).bits == expected) }
        for bits: UInt32 in [0x7f80_0001, 0x7fff_ffff, 0xffff_ffff] {
            #expect(BFloat16(Float(bitPattern: bits)).float.isNaN)
        }
        let values = random(1000, 14)
        var halves = [UInt16](repeating: 0, count: 1000)
        shoal_bf16_from_f32(&halves, values, 1000)
        #expect(halves == values.map { BFloat16($0).bits })
        var back = values
        shoal_f32_from_bf16(&back, halves, 1000)
        #expect(back == values.map { BFloat16($0).float })
    }

    @Test func `kernels on bfloat16 give what those on float32 give, rounded`() {
        let (rows, width) = (4, 37)
        func halves(_ values: [Float]) -> [UInt16] { values.map { BFloat16($0).bits } }
        func exact(_ values: [Float]) -> [Float] { values.map { BFloat16($0).float } }
        let x = exact(random(rows * width, 20, scale: 3))
        let g = exact(random(rows * width, 21))
        var y = x
        var y16 = halves(x)
        shoal_gelu_forward_f32(&y, x, x.count)
        shoal_gelu_forward_bf16(&y16, halves(x), x.count)
        #expect(y16 == halves(y))

        var dy = g
        var dy16 = halves(g)
        var sums = [Float](repeating: 0, count: width)
        var sums16 = sums
        shoal_gelu_backward_f32(&dy, &sums, x, rows, width)
        shoal_gelu_backward_bf16(&dy16, &sums16, halves(x), rows, width)
        #expect(dy16 == halves(dy))
        #expect(sums16 == sums)

        sums = [Float](repeating: 0, count: width)
        sums16 = sums
        shoal_column_sums_f32(&sums, x, rows, width)
        shoal_column_sums_bf16(&sums16, halves(x), rows, width)
        #expect(sums16 == sums)

        let p = exact(random(rows * width, 22))
        var ds = g
        var dropped = g
        var dropped16 = halves(g)
        var scratch = g
        var ds16 = halves(g)
        shoal_softmax_dropped_f32(&dropped, p, 1.25, p.count)
        shoal_softmax_dropped_bf16(&dropped16, halves(p), 1.25, p.count)
        #expect(dropped16 == halves(dropped))
        shoal_softmax_backward_f32(&ds, &scratch, p, 1.25, 0.5, rows, width)
        scratch = g
        shoal_softmax_backward_bf16(&ds16, &scratch, halves(p), 1.25, 0.5, rows, width)
        #expect(ds16 == halves(ds))
    }
}
