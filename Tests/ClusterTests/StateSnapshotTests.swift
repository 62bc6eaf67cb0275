import Numerics
import Testing

@testable import Cluster

@Suite struct StateSnapshotTests {
    private static let count = 2 * ControlLimits.chunkFloats + 10
    private let weights = FloatBuffer(count: Self.count)

    private func snapshot() -> StateSnapshot {
        for i in 0..<Self.count { weights.pointer[i] = i < 5000 ? 0 : Float(i) }
        return StateSnapshot(step: 3, buffers: [.weights: weights])
    }

    /// The floats of a chunk; nil if there is none.
    private func chunk(_ snapshot: StateSnapshot, _ index: Int, _ part: StatePart = .weights) -> [Float]? {
        var found: [Float]?
        snapshot.send(part, index) { found = Array($0.bindMemory(to: Float.self)) }
        return found
    }

    private func expected(_ index: Int) -> [Float] {
        let start = index * ControlLimits.chunkFloats
        return (start..<min(Self.count, start + ControlLimits.chunkFloats)).map { $0 < 5000 ? 0 : Float($0) }
    }

    @Test func `chunks are read again and again as long as the state rests`() {
        let snapshot = snapshot()
        for _ in 0..<2 {
            for index in 0..<3 { #expect(chunk(snapshot, index) == expected(index)) }
        }
        #expect(snapshot.contains(.weights, 2))
        #expect(!snapshot.contains(.weights, 3) && !snapshot.contains(.weights, -1))
        #expect(!snapshot.contains(.firstMoment, 0))
        #expect(chunk(snapshot, 3) == nil && chunk(snapshot, 0, .firstMoment) == nil)
    }

    @Test func `what was not sent stays as it was though the state changes`() {
        let snapshot = snapshot()
        #expect(chunk(snapshot, 1) == expected(1))
        snapshot.detach()
        for i in 0..<Self.count { weights.pointer[i] = -1 }
        snapshot.detach()
        #expect(chunk(snapshot, 0) == expected(0), "zeros and numbers")
        #expect(chunk(snapshot, 2) == expected(2), "the short chunk at the end")
        #expect(chunk(snapshot, 2) == expected(2), "again")
        #expect(!snapshot.contains(.weights, 1))
        #expect(chunk(snapshot, 1) == nil, "sent before, and changed since")
    }

    @Test func `negative zeros are not taken for zeros`() {
        for i in 0..<Self.count { weights.pointer[i] = -0.0 }
        let snapshot = StateSnapshot(step: 0, buffers: [.weights: weights])
        snapshot.detach()
        #expect(chunk(snapshot, 0)?.allSatisfy { $0.sign == .minus } == true)
    }
}
