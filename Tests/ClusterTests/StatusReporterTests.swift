import Testing

@testable import Cluster

/// What can be seen of a run from outside.
@Suite struct StatusReporterTests {
    @Test func `times are those of the reader's clock, and only the last thousand changes are kept`() {
        let settings = Samples.settings()
        var reporter = StatusReporter(settings)
        for number in 0..<1500 {
            var transition = Transition.at(Double(number))
            transition.record(.joined, "worker \(number)", "")
            reporter.observe(transition, step: number)
        }
        let status = reporter.status(
            phase: "gathering", Membership(settings), TrainingLoop(settings), process: Samples.process, 1500)
        #expect(status.changes.count == 1000)
        #expect(status.changes.last?.subject == "worker 1499" && status.changes.last?.step == 1499)
        #expect(status.changes.last?.time == Samples.process.time - 1)
        #expect(status.pid == Samples.process.pid && status.time == Samples.process.time)
    }
}
