import Testing

@testable import Cluster

/// Who is left out of a generation whose members do not reach each other.
@Suite struct ReachabilityTests {
    private let members = Samples.members(4)

    private func excluded(_ pairs: [(Int, Int)], applied: Int? = nil, minimum: Int = 1) -> [Int]? {
        var members = members
        if let applied { members[applied].applied = 3 }
        var reachability = Reachability()
        for (from, to) in pairs {
            reachability.report(by: members[from], .outward, ranks: [to], members: members, 0)
        }
        #expect(!reachability.isDue(1.9) && reachability.isDue(2))
        guard
            case .exclude(let leaving, let warnings) = reachability.resolve(
                members: members, step: 3, minimum: minimum, minWorkers: minimum)
        else { return nil }
        #expect(warnings.count == pairs.count)
        return leaving.map(\.number)
    }

    @Test func `the one in most pairs is left out`() {
        #expect(excluded([(0, 2), (1, 2), (3, 2)]) == [2])
        #expect(excluded([(1, 0), (1, 2), (1, 3)]) == [1])
        #expect(excluded([(0, 1), (2, 3)])?.count == 2)
    }

    @Test func `of two, the one without the state, then the one that came last`() {
        #expect(excluded([(0, 1)]) == [1])
        #expect(excluded([(0, 1)], applied: 1) == [0])
    }

    @Test func `where too few would be left the run ends and names the pair`() {
        var reachability = Reachability()
        reachability.report(by: members[1], .inward, ranks: [0], members: members, 0)
        guard
            case .fail(let error) = reachability.resolve(members: members, step: 0, minimum: 4, minWorkers: 4)
        else {
            Issue.record("the run goes on")
            return
        }
        #expect(error.description.contains("host h (rank 0) cannot reach host h (rank 1) at ipc:///1"))
    }

    @Test func `pairs of workers that are gone do not count`() {
        var reachability = Reachability()
        reachability.report(by: members[0], .outward, ranks: [3], members: members, 0)
        guard
            case .formGeneration = reachability.resolve(
                members: Array(members.prefix(3)), step: 0, minimum: 1, minWorkers: 1)
        else {
            Issue.record("nothing is in the way")
            return
        }
    }
}
