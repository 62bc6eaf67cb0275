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
        var p = scores
        shoal_softmax_forward(&p, nil, nil, 0, 1, rows, columns)
        for r in 0..<rows {
            let row = (0..<columns).map { Double(scores[r * columns + $0]) }
            let largest = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - largest) }
            for c in 0..<columns {
                #expect(abs(Double(p[r * columns + c]) - exp(row[c] - largest) / sum) < 1e-6)
            }
        }
    }

    @Test func `softmax survives huge and tiny scores`() {
        var p: [Float] = [1e30, -1e30, 0, 1e30]
        shoal_softmax_forward(&p, nil, nil, 0, 1, 1, 4)
        #expect(p == [0.5, 0, 0, 0.5])
    }

    @Test func `softmax marks dropped elements by their sign`() {
        var p: [Float] = [0, 0, 0, 0]
        var dropped: [Float] = [9, 9, 9, 9]
        shoal_softmax_forward(&p, &dropped, [1, 0, 1, 0, 1, 1, 1, 1], 8, 2, 1, 4)
        #expect(p == [0.25, -0.25, 0.25, -0.25])
        #expect(dropped == [0.5, 0, 0.5, 0])
        var again: [Float] = [9, 9, 9, 9]
        shoal_softmax_dropped(&again, p, 2, 4)
        #expect(again == dropped)
    }

    @Test func `GELU agrees with the error function`() {
        let x = stride(from: Float(-9), through: 9, by: 0.01).map { $0 }
        var pre = x
        var y = [Float](repeating: 0, count: x.count)
        let bias = [Float](repeating: 0, count: x.count)
        shoal_bias_gelu_forward(&y, &pre, bias, 1, x.count)
        var dy = [Float](repeating: 1, count: x.count)
        var dBias = [Float](repeating: 0, count: x.count)
        shoal_bias_gelu_backward(&dy, &dBias, x, 1, x.count)
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
        var normalized = y
        var rstd = [Float](repeating: 0, count: rows)
        shoal_layer_norm_forward(
            &y, &normalized, &rstd, a, bias, keep, 24, 1.25, residual, gamma, beta, rows, width, 1e-5)
        let loss = zip(y, weights).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(loss - forward(a, residual)) < 1e-4)

        var dResidual = y
        var da = y
        var dGamma = [Float](repeating: 0, count: width)
        var dBeta = dGamma
        var dBias = dGamma
        shoal_layer_norm_backward(
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
        var c = random(m * n, 12)
        let before = c
        Matmul.useOneThread()
        Matmul.multiply(
            transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: 0.5, a: a,
            lda: transposeA ? m : k, b: b, ldb: transposeB ? k : n, beta: 1, c: &c, ldc: n)
        for i in 0..<m {
            for j in 0..<n {
                var sum = 0.0
                for p in 0..<k {
                    sum +=
                        Double(transposeA ? a[p * m + i] : a[i * k + p])
                        * Double(transposeB ? b[j * k + p] : b[p * n + j])
                }
                #expect(abs(Double(c[i * n + j]) - (0.5 * sum + Double(before[i * n + j]))) < 1e-5)
            }
        }
    }
}
