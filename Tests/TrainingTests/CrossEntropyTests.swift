import Testing

@testable import Training
@testable import Modeling

private struct CrossEntropyCase: Decodable {
    var logits: [Float]
    var label: Int
    var smoothing: Double
    var loss: Double
    var gradient: [Double]
}

@Suite struct CrossEntropyTests {
    func lossAndGradient(_ logits: [Float], _ label: Int, _ smoothing: Double) -> (Double, [Float]) {
        var gradient = [Float](repeating: .nan, count: logits.count)
        let loss = logits.withUnsafeBufferPointer { logits in
            gradient.withUnsafeMutableBufferPointer {
                CrossEntropy.loss(logits, label: label, smoothing: smoothing, gradient: $0)
            }
        }
        return (loss, gradient)
    }

    @Test func `equals PyTorch for all scales and smoothings`() throws {
        let cases: [CrossEntropyCase] = try fixture("cross_entropy.json")
        #expect(cases.count > 40)
        for test in cases {
            let (loss, gradient) = lossAndGradient(test.logits, test.label, test.smoothing)
            #expect(near(loss, test.loss), "\(loss) \(test.loss)")
            #expect(zip(gradient, test.gradient).allSatisfy { near(Double($0), $1) })
            let alone = test.logits.withUnsafeBufferPointer {
                CrossEntropy.loss($0, label: test.label, smoothing: test.smoothing)
            }
            #expect(alone == loss)
        }
    }

    @Test(arguments: [0.0, 0.2]) func `gradient is the slope of the loss`(_ smoothing: Double) {
        let logits: [Float] = [0.5, -1.25, 2, 0.125]
        let (_, gradient) = lossAndGradient(logits, 3, smoothing)
        for i in logits.indices {
            var up = logits
            var down = logits
            up[i] += 0x1p-8
            down[i] -= 0x1p-8
            let slope = (lossAndGradient(up, 3, smoothing).0 - lossAndGradient(down, 3, smoothing).0) / 0x1p-7
            #expect(abs(slope - Double(gradient[i])) < 1e-5)
        }
        #expect(abs(gradient.reduce(0, +)) < 1e-6)
    }

    @Test(arguments: [[Float.nan, 1], [.infinity, 1], [1, .nan]]) func `non-finite logits show in the loss`(
        _ logits: [Float]
    ) {
        #expect(!lossAndGradient(logits, 1, 0).0.isFinite)
    }

    @Test func `huge logits do not overflow`() {
        let (loss, gradient) = lossAndGradient([3e38, -3e38], 0, 0.1)
        #expect(loss.isFinite && gradient.allSatisfy(\.isFinite))
    }

    @Test func `probabilities add up to one`() {
        let p = ([1, 2, 3, 1000] as [Float]).withUnsafeBufferPointer { CrossEntropy.probabilities($0) }
        #expect(abs(p.reduce(0, +) - 1) < 1e-12)
        #expect(p[3] > 0.999)
    }

    @Test func `prediction is the first greatest`() {
        func prediction(_ logits: [Float]) -> Int { logits.withUnsafeBufferPointer { CrossEntropy.prediction($0) } }
        #expect(prediction([1, 3, 3, 2]) == 1)
        #expect(prediction([-5]) == 0)
        #expect(prediction([.nan, -1, -2]) == 1)
        #expect(prediction([-1, .nan, 2]) == 2)
        #expect(prediction([-.infinity, -.infinity]) == 0)
    }
}
