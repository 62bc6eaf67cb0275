import Numerics
import Testing

@testable import Cluster

@Suite struct BalancerTests {
    @Test func `greedy counts are the best`() {
        #expect(WorkSplit.counts(leaves: 8, speeds: [1, 1]) == [4, 4])
        #expect(WorkSplit.counts(leaves: 8, speeds: [3, 1]) == [6, 2])
        #expect(WorkSplit.counts(leaves: 8, speeds: [100, 1]) == [7, 1])
        #expect(WorkSplit.counts(leaves: 2, speeds: [1, 5, 4]) == [0, 1, 1])
        #expect(WorkSplit.partition([3, 0, 2]) == [0..<3, 3..<3, 3..<5])
    }

    /// Against all ways to deal them.
    @Test(arguments: 0..<20 as Range<UInt64>) func `no other way is sooner`(_ seed: UInt64) {
        var random = PhiloxStream(seed: seed, purpose: .split)
        let speeds = (0..<3).map { _ in 0.2 + random.nextUnit() * 3 }
        let leaves = 3 + random.next(below: 12)
        let counts = WorkSplit.counts(leaves: leaves, speeds: speeds)
        #expect(counts.reduce(0, +) == leaves)
        for a in 1...(leaves - 2) {
            for b in 1...(leaves - a - 1) {
                let other = [a, b, leaves - a - b]
                #expect(
                    WorkSplit.makespan(counts, speeds: speeds)
                        <= WorkSplit.makespan(other, speeds: speeds) * (1 + 1e-12))
            }
        }
    }

    /// Runs steps on machines of the given speeds; returns the last step's counts.
    private func run(
        _ balancer: inout Balancer, _ speeds: [Double], steps: Int = 10, leaves: Int = 8, noise: Double = 0
    ) -> [Int] {
        var random = PhiloxStream(seed: 5, purpose: .split)
        for _ in 0..<steps {
            let counts = balancer.partition(leaves: leaves).map(\.count)
            balancer.measured(
                leaves: counts,
                seconds: zip(counts, speeds).map {
                    Double($0) / $1 * (1 + noise * (random.nextUnit() - 0.5))
                })
        }
        return balancer.partition(leaves: leaves).map(\.count)
    }

    @Test func `shares follow speeds`() {
        var balancer = Balancer(isEnabled: true, speeds: [nil, nil])
        #expect(run(&balancer, [3, 1]) == [6, 2])
        #expect(run(&balancer, [1, 3], steps: 20) == [2, 6], "and follow them when they change")
        #expect(balancer.partition(leaves: 3).map(\.count) == [1, 2], "in a short batch too")
        #expect(balancer.partition(leaves: 1).map(\.count).reduce(0, +) == 1)
    }

    @Test func `noise moves nothing`() {
        var balancer = Balancer(isEnabled: true, speeds: [nil, nil])
        #expect(run(&balancer, [1, 1], steps: 200, noise: 0.1) == [4, 4])
    }

    @Test func `without balancing shares stay equal`() {
        var balancer = Balancer(isEnabled: false, speeds: [nil, nil])
        #expect(run(&balancer, [9, 1], steps: 50) == [4, 4])
    }

    @Test func `every leaf is dealt once`() {
        var balancer = Balancer(isEnabled: true, speeds: [nil, nil, nil])
        _ = run(&balancer, [5, 1, 2], steps: 20, leaves: 16)
        for leaves in 1...20 {
            let partition = balancer.partition(leaves: leaves)
            #expect(partition.flatMap { Array($0) } == Array(0..<leaves))
        }
    }
}
