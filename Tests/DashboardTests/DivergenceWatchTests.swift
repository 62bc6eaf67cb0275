import Foundation
import Testing

@testable import Cluster
@testable import Dashboard

@Suite struct DivergenceWatchTests {
    private func step(_ loss: Double, _ samples: Int) -> StepMetrics {
        StepMetrics(
            step: 1, epoch: 1, loss: loss, learningRate: 0.01, gradientNorm: 1, samples: samples, tokens: 10,
            tokensPerSecond: 1, stepSeconds: 1, elapsedSeconds: 1)
    }

    /// The number of the step, from 1, that is warned at; nil for none. More than one warning is a failure.
    private func warned(_ losses: [Double], samples: Int = 32, classes: Int = 2) -> Int? {
        var watch = DivergenceWatch(classes: classes)
        var found: [Int] = []
        for (i, loss) in losses.enumerated() where watch.add(step(loss, samples)) != nil { found.append(i + 1) }
        #expect(found.count <= 1)
        return found.first
    }

    @Test func `a loss that explodes is warned about, once and soon`() {
        #expect(warned([0.7, 0.9, 4, 20, 60, 90, 80, 100]) == 4)
        #expect(warned([0.7, 0.6] + [Double](repeating: 1.6, count: 20)) == 4)
    }

    @Test(arguments: [
        [0.7, 0.6, 0.5, 0.4], [0.69, 0.9, 1.2, 1.0, 0.8, 1.3, 0.7], [0.7, 0.7, 9, 0.1, 0.1, 0.1],
        [0.01, 0.3, 0.6, 0.7, 0.5], [5, 6, 7, 8, 9, 9], [0.7, .nan, .infinity, 0.6],
    ]) func `jumps, a slow start and a fine-tuned beginning are not`(losses: [Double]) {
        #expect(warned(losses) == nil)
    }

    @Test func `single examples may have large losses`() {
        #expect(warned((0..<200).map { $0 % 4 == 0 ? 3 : 0.3 }, samples: 1) == nil)
        #expect(warned([0.7] + [Double](repeating: 3, count: 100), samples: 1) == 65)
    }

    @Test func `many classes have a larger loss when guessing`() {
        #expect(warned([0.5, 4, 5, 6, 7], classes: 150) == nil)
        #expect(warned([5, 12, 13, 14], classes: 150) == 4)
    }

    @Test func `the warning is a line of the run's display`() {
        var renderer = ProgressRenderer(traits: TerminalTraits(isInteractive: false, usesColor: false))
        var lines: [ProgressRenderer.Output] = []
        for loss in [0.7, 9, 9, 9, 9] { lines += renderer.render(.step(step(loss, 32)), at: 0, width: 80) }
        let warnings = lines.filter {
            if case .line(let line) = $0 { line.hasPrefix("warning: the training loss") } else { false }
        }
        #expect(warnings.count == 1)
    }
}
