import Testing

@testable import Training

/// PyTorch's weights after some of 200 steps with changing rates and gradients.
struct OptimizerFixture: Decodable {
    struct Case: Decodable, Sendable {
        var hyperparameters: Hyperparameters
        var kept: [[Float]]
        var norms: [Double]
    }
    var start: [[Float]]
    var learningRates: [Double]
    var dense: [[Float]]
    var rows: [[Int32]]
    var table: [[Float]]
    var keptSteps: [Int]
    var cases: [Case]
}

/// The layout of the fixture: 7 decaying floats, a gap of 4, 5 plain ones, a gap of 4, a decaying table of 6 rows of 3.
struct Bench {
    static let gap: Float = 123
    var optimizer = FlatOptimizer(
        segments: [
            ParameterSegment(offset: 0, count: 7, hasWeightDecay: true),
            ParameterSegment(offset: 11, count: 5, hasWeightDecay: false),
        ], table: ParameterSegment(offset: 20, count: 18, hasWeightDecay: true), rowWidth: 3)
    var weights = [Float](repeating: gap, count: 38)
    var first = [Float](repeating: 0, count: 38)
    var second = [Float](repeating: 0, count: 38)

    init(start: [[Float]]) {
        for (segment, values) in zip(optimizer.segments + [optimizer.table].compactMap(\.self), start) {
            weights.replaceSubrange(segment.offset..<(segment.offset + segment.count), with: values)
        }
    }

    /// The weights without the gaps.
    var tensors: [Float] { Array(weights[0..<7] + weights[11..<16] + weights[20..<38]) }

    static func gradient(dense: [Float], table: [Float]) -> [Float] {
        Array(dense[0..<7]) + [7, 7, 7, 7] + Array(dense[7..<12]) + [7, 7, 7, 7] + table
    }

    /// One step, over the given ranges of the flat vector.
    mutating func step(_ step: OptimizerStep, gradient: [Float], rows: [Int32], ranges: [Range<Int>] = [0..<38]) {
        optimizer.activate(rows)
        withState { optimizer, state in
            gradient.withUnsafeBufferPointer { gradient in
                guard let base = gradient.baseAddress else { return }
                for range in ranges { optimizer.apply(step, to: state, gradient: base, rows: rows, in: range) }
            }
        }
    }

    mutating func withState(_ body: (inout FlatOptimizer, OptimizerState) -> Void) {
        weights.withUnsafeMutableBufferPointer { weights in
            first.withUnsafeMutableBufferPointer { first in
                second.withUnsafeMutableBufferPointer { second in
                    guard let w = weights.baseAddress, let m = first.baseAddress, let v = second.baseAddress else {
                        return
                    }
                    body(&optimizer, OptimizerState(weights: w, first: m, second: v))
                }
            }
        }
    }
}

@Suite struct OptimizerParityTests {
    let data: OptimizerFixture

    init() throws { data = try fixture("optimizers.json") }

    /// Runs a case; the gradient of a step is given as a sum over `samples` samples, as the all-reduce gives it.
    func run(
        _ test: OptimizerFixture.Case, samples: Float = 1, ranges: [Range<Int>] = [0..<38],
        inspectAfter: Int? = nil, check: (Int, Bench, Double) -> Void
    ) {
        var bench = Bench(start: data.start)
        for step in data.dense.indices {
            var gradient = Bench.gradient(dense: data.dense[step], table: data.table[step])
            let squares = (data.dense[step] + data.table[step]).reduce(0.0) { $0 + Double($1) * Double($1) }
            for i in gradient.indices { gradient[i] *= samples }
            let norm = squares.squareRoot()
            let clip = GradientClipping.factor(norm: norm, limit: test.hyperparameters.clipNorm)
            let scalars = OptimizerStep(
                test.hyperparameters, appliedSteps: UInt64(step), learningRate: data.learningRates[step],
                gradientScale: clip / Double(samples))
            bench.step(scalars, gradient: gradient, rows: data.rows[step], ranges: ranges)
            if step == inspectAfter { bench.withState { optimizer, state in optimizer.inspectMoments(of: state) } }
            check(step, bench, norm)
        }
    }

    func expectParity(_ test: OptimizerFixture.Case, _ step: Int, _ bench: Bench, _ norm: Double) {
        if test.hyperparameters.clipNorm != nil { #expect(near(norm, test.norms[step]), "norm at step \(step)") }
        #expect((7..<11).allSatisfy { bench.weights[$0] == Bench.gap }, "gaps are not touched")
        guard let index = data.keptSteps.firstIndex(of: step) else { return }
        let tensors = bench.tensors
        #expect(tensors.count == test.kept[index].count)
        for (i, (got, want)) in zip(tensors, test.kept[index]).enumerated() {
            #expect(near(Double(got), Double(want)), "\(test.hyperparameters) step \(step) weight \(i): \(got) \(want)")
        }
    }

    @Test(arguments: 0..<12) func `equals PyTorch over 200 steps`(_ index: Int) {
        let test = data.cases[index]
        run(test) { expectParity(test, $0, $1, $2) }
    }

    @Test(arguments: 0..<12) func `averages over samples without rewriting the gradient`(_ index: Int) {
        let test = data.cases[index]
        run(test, samples: 32) { expectParity(test, $0, $1, $2) }
    }

    @Test(arguments: 0..<12) func `gives the same bits however the vector is cut`(_ index: Int) {
        let test = data.cases[index]
        var whole: [[Float]] = []
        run(test) { _, bench, _ in whole.append(bench.weights + bench.first + bench.second) }
        // Cuts within tensors, within gaps and within rows.
        let ranges = [21..<22, 0..<3, 22..<30, 3..<9, 9..<13, 30..<38, 13..<21]
        run(test, ranges: ranges) { step, bench, _ in
            #expect(bench.weights + bench.first + bench.second == whole[step], "step \(step)")
        }
    }

    @Test(arguments: 0..<12) func `goes on with the same bits after inspecting moments`(_ index: Int) {
        let test = data.cases[index]
        var whole: [[Float]] = []
        run(test) { _, bench, _ in whole.append(bench.weights) }
        run(test, inspectAfter: 50) { step, bench, _ in #expect(bench.weights == whole[step], "step \(step)") }
    }

    @Test func `fixture has twelve cases`() { #expect(data.cases.count == 12) }
}
