import Modeling
import Testing

@testable import Cluster

/// What is kept of a run, and the room for it.
struct KeepingTests {
    private func resolve(_ change: (inout RunOptions) -> Void) throws -> RunConfiguration {
        var options = RunOptions()
        (options.model, options.train, options.output) = ("m", "t.csv", "out")
        change(&options)
        return try RunConfiguration.resolve(options)
    }

    @Test func `checkpoints are written every five minutes unless something else is asked for`() throws {
        #expect(try resolve { _ in }.checkpointMinutes == 5)
        #expect(try resolve { $0.checkpointMinutes = 0 }.checkpointMinutes == nil)
        #expect(try resolve { $0.checkpointMinutes = 2 }.checkpointMinutes == 2)
        let bySteps = try resolve { $0.checkpointEvery = 10 }
        #expect(bySteps.checkpointEvery == 10 && bySteps.checkpointMinutes == nil)
        let none = try resolve { $0.checkpointEvery = 0 }
        #expect(none.checkpointEvery == nil && none.checkpointMinutes == nil)
        for run in [bySteps, none, try resolve { $0.checkpointMinutes = 0 }] {
            let again = try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml"))
            #expect(again == run)
        }
    }

    @Test func `keep best needs a validation set, and stands in run yaml`() throws {
        #expect(throws: ConfigurationError.self) { try resolve { $0.keep = .best } }
        #expect(throws: ConfigurationError.self) { try resolve { $0["keep"] = .text("first") } }
        let run = try resolve { ($0.keep, $0.validation, $0.keepCheckpoints) = (.best, "v.csv", 0) }
        let again = try RunConfiguration(options: RunOptions(yaml: run.yaml(), path: "run.yaml"))
        #expect(again == run && again.keep == .best && again.keepCheckpoints == 0)
        #expect(throws: ConfigurationError.self) { try resolve { $0.keepCheckpoints = -1 } }
    }

    private func state(_ step: Int, _ value: Double, loss: Double, isHigherBetter: Bool = true) -> BestState {
        let kind = MetricKind(key: "m", title: "m", isHigherBetter: isHigherBetter)
        return BestState(step: step, primary: Metric(kind, value), loss: loss)
    }

    @Test func `of a metric of which less is better the least is the best`() {
        let some = state(3, 0.5, loss: 1, isHigherBetter: false)
        #expect(state(6, 0.4, loss: 9, isHigherBetter: false).isAtLeast(some))
        #expect(!state(6, 0.6, loss: 0.1, isHigherBetter: false).isAtLeast(some))
        #expect(state(6, 0.5, loss: 0.9, isHigherBetter: false).isAtLeast(some))
        #expect(!state(6, 0.5, loss: 1.1, isHigherBetter: false).isAtLeast(some))
    }

    @Test func `what is not a number is never the best`() {
        let some = state(3, 0.5, loss: 1)
        #expect(!state(6, .nan, loss: 1).isAtLeast(some))
        #expect(!state(6, 0.9, loss: .nan).isAtLeast(some))
        #expect(state(6, 0.5, loss: 1).isAtLeast(some), "of equals the later one")
        #expect(state(6, 0.5, loss: 0.9).isAtLeast(some))
        #expect(!state(6, 0.5, loss: 1.1).isAtLeast(some))
        #expect(state(6, 0.6, loss: 9).isAtLeast(some))
    }

    @Test func `the room for the end is known at the start`() throws {
        let space = RunDiskSpace(floats: 1_000_000, momentFloats: 2_000_000, keep: 2, hasValidation: true)
        #expect(space.model == 4_000_000 && space.checkpoint == 12_000_000 && space.checkpoints == 4)
        #expect(space.least == 16_000_000 && space.all == 52_000_000)
        #expect(space.problem(free: 52_000_000, path: "r") == nil)
        let low = try #require(space.problem(free: 20_000_000, path: "r"))
        #expect(!low.isError && low.text.contains("20 MB are free") && low.text.contains("needs 52 MB"), "\(low.text)")
        let none = try #require(space.problem(free: 1_000_000, path: "r"))
        #expect(none.isError && none.text.contains("free 15 MB, or choose another --output"), "\(none.text)")
        // A small model's megabytes would say that what is free is as much as what is needed.
        let small = try #require(
            RunDiskSpace(floats: 10_000, momentFloats: 20_000, keep: 2, hasValidation: false).problem(
                free: 100_000, path: "r"))
        #expect(small.text.contains("100 kB are free") && small.text.contains("needs 160 kB"), "\(small.text)")
        #expect(RunDiskSpace(floats: 1, momentFloats: 0, keep: 0, hasValidation: false).checkpoints == 2)
        #expect(try #require(RunDiskSpace.free("/")) > 0)
        #expect(RunDiskSpace.free("/nowhere") == nil)
    }
}
