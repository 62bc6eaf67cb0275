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
