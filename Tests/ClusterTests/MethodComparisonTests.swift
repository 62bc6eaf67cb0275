import Testing

@testable import Cluster

/// What is chosen where methods are compared, and how much time there is for it.
@Suite struct MethodComparisonTests {
    private func right(_ count: Int, of all: Int = 40) -> [Bool] { (0..<all).map { $0 < count } }

    @Test func `a rival within the standard error of the difference loses to the probe`() {
        // Five more texts of 40, and none that the probe alone recognises: clearly better.
        let better = MethodComparison.compare([.probe: right(30), .finetune: right(35)], folds: 3)
        #expect(better.best == .finetune)
        #expect(better.lines.count == 3 && better.lines[0].contains("3-fold") && better.lines[0].contains("40"))
        #expect(
            better.lines.contains { $0.contains("--head-first") && $0.contains("87.5%") && $0.contains("(chosen)") })
        // As many more, but others are lost: the difference is within its error.
        let mixed = (0..<40).map { $0 >= 12 } as [Bool]
        #expect(MethodComparison.compare([.probe: right(27), .finetune: mixed], folds: 3).best == .probe)
        #expect(MethodComparison.compare([.probe: right(30), .finetune: right(30)], folds: 3).best == .probe)
        #expect(MethodComparison.compare([.probe: right(30)], folds: 3).best == .probe)
    }

    @Test func `the best of several rivals is taken`() {
        let found: [MethodTrial.Method: [Bool]] = [.probe: right(20), .finetune: right(28), .contrastive: right(33)]
        #expect(MethodComparison.compare(found, folds: 2).best == .contrastive)
    }

    @Test(arguments: [("90s", 90.0), ("10m", 600), ("1h30m", 5400), ("0.5h", 1800), ("2h", 7200), ("1h1m1s", 3661)])
    func `times have units`(text: String, seconds: Double) {
        #expect(TimeBudget(text)?.seconds == seconds)
    }

    @Test(arguments: ["", "10", "m", "0s", "-5m", "5m3h", "10 m", "1e3s", "nans", "5x", "9999999h", "1.2.3s", "5mm"])
    func `what is no time is refused`(text: String) { #expect(TimeBudget(text) == nil) }
}
