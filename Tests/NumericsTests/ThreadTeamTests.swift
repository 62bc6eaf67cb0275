import Synchronization
import Testing

@testable import Numerics

@Suite struct ThreadTeamTests {
    @Test(arguments: [1, 2, 5])
    func `every member runs once a call`(count: Int) throws {
        let team = try ThreadTeam(count: count)
        let calls = Mutex([Int](repeating: 0, count: count))
        for _ in 0..<200 { team.run { thread in calls.withLock { $0[thread] += 1 } } }
        #expect(calls.withLock { $0 } == [Int](repeating: 200, count: count))
    }

    @Test func `a call returns after all members`() throws {
        let team = try ThreadTeam(count: 3)
        let done = Atomic(0)
        for round in 1...100 {
            team.run { _ in done.add(1, ordering: .relaxed) }
            #expect(done.load(ordering: .relaxed) == 3 * round)
        }
    }

    @Test func `buffers begin as aligned zeros`() {
        for count in [0, 1, 17, 100_000] {
            let buffer = FloatBuffer(count: count)
            #expect(UInt(bitPattern: buffer.pointer) % 64 == 0)
            #expect(buffer.elements.count == count)
            #expect(buffer.elements.allSatisfy { $0 == 0 })
        }
    }
}

@Suite struct ThreadTeamMapTests {
    @Test(arguments: [1, 2, 5]) func `results come in the order of the items`(threads: Int) throws {
        let team = try ThreadTeam(count: threads)
        #expect(team.map(Array(0..<100)) { _, item in item * item } == (0..<100).map { $0 * $0 })
        #expect(team.map([Int]()) { _, item in item }.isEmpty)
        #expect(team.map(Array(0..<50)) { thread, _ in thread }.allSatisfy { (0..<threads).contains($0) })
    }

    @Test(arguments: [0, 1, 2, 7, 100]) func `ranges tile the whole, one per thread at most`(count: Int) throws {
        let ranges = try ThreadTeam(count: 3).mapRanges(of: count) { $0 }
        #expect(ranges.flatMap { $0 } == Array(0..<count))
        #expect(ranges.count == max(1, min(3, count)))
    }
}
