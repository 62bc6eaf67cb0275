import Foundation
import Numerics
import Testing

@testable import Modeling

/// The calibration error and the mean confidence.
@Suite struct CalibrationTests {
    /// The definition, in floating point: bin m of 15 holds ((m - 1) / 15, m / 15].
    private static func reference(_ predictions: [(Double, Bool)]) -> Double {
        var gaps = [Double](repeating: 0, count: 15)
        for (confidence, isRight) in predictions {
            gaps[max(0, Int((confidence * 15).rounded(.up)) - 1)] += confidence - (isRight ? 1 : 0)
        }
        return gaps.reduce(0) { $0 + abs($1) } / Double(predictions.count)
    }

    private static func random(_ count: Int, seed: UInt64) -> [(Double, Bool)] {
        var random = PhiloxStream(seed: seed, purpose: .shuffle)
        return (0..<count).map { _ in
            let confidence = 0.3 + 0.7 * Double(random.nextUnit())
            return (confidence, Double(random.nextUnit()) < confidence * confidence)
        }
    }

    private static func counted(_ predictions: some Sequence<(Double, Bool)>) -> CalibrationBins {
        var bins = CalibrationBins()
        for (confidence, isRight) in predictions { bins.add(confidence: confidence, isRight: isRight) }
        return bins
    }

    @Test func `the error is the definition's`() {
        for seed in 0..<5 {
            let predictions = Self.random(500, seed: UInt64(seed))
            let bins = Self.counted(predictions)
            #expect(abs(bins.expectedError - Self.reference(predictions)) < 1e-9)
            #expect(abs(bins.meanConfidence - predictions.reduce(0) { $0 + $1.0 } / 500) < 1e-9)
        }
        // Four predictions in one bin: 0.9 says 0.9, and half of them are right.
        let one = Self.counted([(0.9, true), (0.9, false), (0.9, true), (0.9, false)])
        #expect(abs(one.expectedError - 0.4) < 1e-9 && abs(one.meanConfidence - 0.9) < 1e-9)
        // Too low and too high within a bin even out; in two bins they do not.
        #expect(Self.counted([(0.5, true), (0.5, false)]).expectedError < 1e-9)
        #expect(abs(Self.counted([(0.4, true), (0.6, false)]).expectedError - 0.6) < 1e-9)
        #expect(CalibrationBins().expectedError == 0 && CalibrationBins().meanConfidence == 0)
    }

    @Test func `order and parts change no bit`() {
        let predictions = Self.random(300, seed: 3)
        let whole = Self.counted(predictions)
        #expect(Self.counted(predictions.reversed()) == whole)
        for size in [1, 7, 100] {
            var parts = CalibrationBins()
            for start in stride(from: 0, to: 300, by: size).reversed() {
                parts.merge(Self.counted(predictions[start..<min(start + size, 300)]))
            }
            #expect(parts == whole && parts.expectedError.bitPattern == whole.expectedError.bitPattern)
        }
    }

    @Test func `the bounds of bins are where they are defined, and every count is read as written`() {
        var bins = CalibrationBins()
        for confidence in [0, 1e-12, 1.0 / 15, 1.0 / 15 + 1e-6, 0.2, 0.4, 0.6, 0.8, 1, 2, -.infinity, .nan] {
            bins.add(confidence: confidence, isRight: false)
        }
        #expect(CalibrationBins(numbers: bins.numbers) == bins)
        let counts = stride(from: 0, to: bins.numbers.count, by: 4).map { bins.numbers[$0...($0 + 1)] }.map(Array.init)
        #expect(counts == [[0, 5], [1, 1], [2, 1], [5, 1], [8, 1], [11, 1], [14, 2]])
    }

    @Test func `confidence is the largest probability`() {
        func confidence(_ logits: [Float]) -> Double { logits.withUnsafeBufferPointer { CrossEntropy.confidence($0) } }
        #expect(abs(confidence([0, log(3)]) - 0.75) < 1e-6 && confidence([500, 0]) == 1)
        #expect(confidence([1, .nan]) == 0 && confidence([.infinity, 0]) == 0)
    }
}
