import Numerics
import Testing

@testable import Training

@Suite struct LossPiggybackTests {
    @Test func `losses come back bit by bit in the order of the micro-batches`() throws {
        let sums: [[Double]] = [[1.5, 0.1 + 0.2], [], [-0.0, .leastNonzeroMagnitude, 7]]
        let decoded = try LossPiggyback.decode(sums.map(LossPiggyback.encode), partition: [0..<2, 2..<2, 2..<5])
        #expect(decoded.map(\.bitPattern) == sums.joined().map(\.bitPattern))
    }

    @Test func `the bytes are little-endian`() {
        #expect(LossPiggyback.encode([1]) == [0, 0, 0, 0, 0, 0, 0xf0, 0x3f])
    }

    @Test(arguments: [
        [[UInt8](repeating: 0, count: 8), []], [[UInt8](repeating: 0, count: 16), [UInt8](repeating: 0, count: 9)],
        [[UInt8](repeating: 0, count: 16), [UInt8](repeating: 0, count: 16)],
    ])
    func `a piggyback of another length names its rank`(_ piggybacks: [[UInt8]]) {
        let culprit = piggybacks[0].count == 16 ? 1 : 0
        let error = #expect(throws: PeerDataError.self) {
            try LossPiggyback.decode(piggybacks, partition: [0..<2, 2..<3])
        }
        #expect(error?.rank == culprit)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e101, -1e101])
    func `a loss that cannot be names its rank`(_ loss: Double) {
        let error = #expect(throws: PeerDataError.self) {
            try LossPiggyback.decode(
                [LossPiggyback.encode([1]), LossPiggyback.encode([2, loss])], partition: [0..<1, 1..<3])
        }
        #expect(error?.rank == 1)
    }

    @Test func `more piggybacks than ranks are refused`() {
        #expect(throws: PeerDataError.self) {
            try LossPiggyback.decode([[], []], partition: [0..<0])
        }
    }
}
