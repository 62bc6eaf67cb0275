import Testing

@testable import Training

@Suite struct OptimizerTests {
    static let kinds: [Hyperparameters] = [
        Hyperparameters(optimizer: .adamW(), weightDecay: 0.1),
        Hyperparameters(optimizer: .adamW(beta1: 0.3), weightDecay: 0),
        Hyperparameters(optimizer: .sgd(), weightDecay: 0.1),
        Hyperparameters(optimizer: .sgd(momentum: 0.9), weightDecay: 0),
        Hyperparameters(optimizer: .sgd(momentum: 0.9, nesterov: true), weightDecay: 0.1),
    ]

    static let start: [[Float]] = [
        (0..<7).map { Float($0) - 2.5 }, (0..<5).map { Float($0) * 0.3 }, (0..<18).map { 1 - Float($0) * 0.11 },
    ]

    @Test(arguments: kinds) func `rows without gradient are as rows with zeros`(_ settings: Hyperparameters) {
        var sparse = Bench(start: Self.start)
        var full = Bench(start: Self.start)
        for step in 0..<30 {
            let dense = (0..<12).map { Float(($0 * 7 + step * 3) % 11) - 5 }
            let rows: [Int32] = step % 3 == 0 ? [1, 4] : step % 3 == 1 ? [] : [0]
            let values = (0..<(rows.count * 3)).map { Float(($0 + step) % 5) - 2 }
            var table = [Float](repeating: 0, count: 18)
            for (i, row) in rows.enumerated() {
                for j in 0..<3 { table[Int(row) * 3 + j] = values[i * 3 + j] }
            }
            let scalars = OptimizerStep(
                settings, appliedSteps: UInt64(step), learningRate: 0.01, gradientScale: 0.125)
            sparse.step(scalars, gradient: Bench.gradient(dense: dense, table: values), rows: rows)
            full.step(scalars, gradient: Bench.gradient(dense: dense, table: table), rows: [0, 1, 2, 3, 4, 5])
            #expect(sparse.weights == full.weights && sparse.first == full.first && sparse.second == full.second)
        }
    }

    @Test(arguments: kinds) func `moments that fade away become zero, not subnormal`(_ settings: Hyperparameters) {
        var bench = Bench(start: Self.start)
        let dense = [Float](repeating: 1e-19, count: 12)
        for step in 0..<1500 {
            let scalars = OptimizerStep(
                settings, appliedSteps: UInt64(step), learningRate: 1e-30, gradientScale: step < 2 ? 1 : 0)
            bench.step(scalars, gradient: Bench.gradient(dense: dense, table: [1e-30, 1e-19, 1]), rows: [2])
            #expect(!(bench.first + bench.second).contains { $0.isSubnormal })
        }
    }

    @Test func `a step with rate zero only moves the moments`() {
        var bench = Bench(start: Self.start)
        let before = bench.weights
        let scalars = OptimizerStep(Hyperparameters(), appliedSteps: 0, learningRate: 0, gradientScale: 1)
        bench.step(scalars, gradient: Bench.gradient(dense: [Float](repeating: 1, count: 12), table: []), rows: [])
        #expect(bench.weights == before)
        #expect(bench.first[0] != 0 && bench.second[0] != 0)
        #expect(bench.first[20] == 0)
    }

    @Test func `SGD without momentum touches no moments`() {
        var bench = Bench(start: Self.start)
        let scalars = OptimizerStep(
            Hyperparameters(optimizer: .sgd()), appliedSteps: 0, learningRate: 0.1, gradientScale: 1)
        bench.step(scalars, gradient: Bench.gradient(dense: [Float](repeating: 1, count: 12), table: []), rows: [])
        #expect(bench.first.allSatisfy { $0 == 0 } && bench.second.allSatisfy { $0 == 0 })
        #expect(bench.weights[11] == Self.start[1][0] - 0.1)
    }

    /// The vectorized loops against one float at a time: tails and lanes take the same operations.
    @Test(arguments: kinds) func `the bits do not depend on the position in the loop`(_ settings: Hyperparameters) {
        let count = 67
        let values = (0..<count).map { Float($0 % 13) * 0.37 - 2 }
        let gradient = (0..<count).map { Float($0 % 7) * 0.21 - 0.7 }
        let scalars = OptimizerStep(settings, appliedSteps: 3, learningRate: 0.013, gradientScale: 1.0 / 3)
        func after(_ pieces: [Range<Int>]) -> [[UInt32]] {
            var weights = values
            var first = values.map { $0 * 0.1 }
            var second = values.map { $0 * $0 * 0.01 }
            weights.withUnsafeMutableBufferPointer { w in
                first.withUnsafeMutableBufferPointer { m in
                    second.withUnsafeMutableBufferPointer { v in
                        gradient.withUnsafeBufferPointer { g in
                            guard let w = w.baseAddress, let m = m.baseAddress, let v = v.baseAddress,
                                let g = g.baseAddress
                            else { return }
                            let state = OptimizerState(weights: w, first: m, second: v)
                            for piece in pieces {
                                scalars.update(state, in: piece, hasWeightDecay: true, gradient: g + piece.lowerBound)
                            }
                        }
                    }
                }
            }
            return [weights, first, second].map { $0.map(\.bitPattern) }
        }
        #expect(after([0..<count]) == after((0..<count).map { $0..<($0 + 1) }))
    }

    @Test func `clipping factor is one below the limit`() {
        #expect(GradientClipping.factor(norm: 0.5, limit: 1) == 1)
        #expect(GradientClipping.factor(norm: 0, limit: 1) == 1)
        #expect(GradientClipping.factor(norm: 1e9, limit: nil) == 1)
        #expect(near(GradientClipping.factor(norm: 4, limit: 1), 0.25))
    }
}
