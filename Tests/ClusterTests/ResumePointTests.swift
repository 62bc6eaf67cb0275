import Testing
import Training

@testable import Cluster

/// From where a new generation goes on.
@Suite struct ResumePointTests {
    private func choose(
        _ applied: [Int?], source: Int = 0, inMemory: Bool = true, writing: Int? = nil, records: Range<Int> = 0..<0
    ) -> ResumePoint {
        var members = Samples.members(applied.count)
        for (index, step) in applied.enumerated() {
            members[index].applied = step
            members[index].records = records.map {
                StepRecord(step: UInt64($0), lossSums: [1], gradientNorm: 1)
            }
        }
        var transition = Transition.at(0)
        var steps = StepScheduler(Samples.settings())
        steps.begin(Samples.history(20, base: source), &transition)
        var checkpoints = CheckpointPolicy(Samples.settings())
        if let writing {
            checkpoints.write(
                .periodic, Samples.history(20, base: writing).base, phase: 0, Samples.history(20), &transition)
        }
        let parts = inMemory ? [PartToLoad(part: .weights, sha256: nil)] : []
        return ResumePoint.choose(
            members, source: StateSource(step: source, parts: parts, point: Samples.history(20, base: source).base),
            steps: steps, checkpoints: checkpoints)
    }

    @Test func `it is the newest state of which enough is known`() {
        guard case .step(0) = choose([nil, nil]), case .step(3) = choose([2, 3], records: 0..<3),
            case .step(2) = choose([2, 5], records: 0..<2), case .step(0) = choose([5], records: 1..<5)
        else {
            Issue.record("another step")
            return
        }
    }

    @Test func `a checkpoint that is further is waited for`() {
        guard case .checkpoint = choose([nil, 2], writing: 4, records: 0..<2),
            case .step(4) = choose([4], writing: 4, records: 0..<4)
        else {
            Issue.record("another step")
            return
        }
    }

    @Test func `what no worker has is read from disk`() {
        guard case .disk(.loadSource) = choose([nil], source: 4, inMemory: false),
            case .step(4) = choose([4, nil], source: 4, inMemory: false)
        else {
            Issue.record("another step")
            return
        }
    }
}
