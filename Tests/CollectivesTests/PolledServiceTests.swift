import Foundation
import Synchronization
import Testing

@testable import Collectives

@Suite struct PolledServiceTests {
    /// Counts turns, and signals after the third.
    private struct Handler: PolledHandler {
        let milliseconds: Int?
        let turns: DispatchSemaphore
        let received: LockedArray<[UInt8]>

        func turn(_ socket: ZeroMQSocket, isReadable: Bool) -> Int? {
            if isReadable,
                let frames = try? socket.receive(limits: ZeroMQLimits(frames: 1, bytes: 10), wait: false)
            {
                received.append(frames[0].array)
            }
            turns.signal()
            return milliseconds
        }
    }

    private func pair() throws -> (ZeroMQSocket, ZeroMQSocket) {
        let context = try ZeroMQContext()
        let (one, other) = (try ZeroMQSocket(context, type: .pair), try ZeroMQSocket(context, type: .pair))
        try one.bind("inproc://service")
        try other.connect("inproc://service")
        return (one, other)
    }

    @Test func `a service serves its socket until it is closed`() throws {
        let (one, other) = try pair()
        let handler = Handler(
            milliseconds: nil, turns: DispatchSemaphore(value: 0), received: LockedArray(repeating: [], count: 0))
        let service = try PolledService("test", one, handler)
        for byte in 1...3 as ClosedRange<UInt8> {
            try other.send([[byte]])
            handler.turns.wait()
        }
        #expect(handler.received.values == [[1], [2], [3]])
        service.close()
        service.close()
        try? other.setLinger(0)
        _ = try? other.send([[4]], wait: false)
        #expect(handler.received.values.count == 3)
    }

    @Test func `a handler that asks for time gets turns without messages`() throws {
        let (one, other) = try pair()
        let handler = Handler(
            milliseconds: 1, turns: DispatchSemaphore(value: 0), received: LockedArray(repeating: [], count: 0))
        let service = try PolledService("test", one, handler)
        // The first turn needs a message; the next ones come by themselves.
        try other.send([[1]])
        for _ in 0..<5 { handler.turns.wait() }
        #expect(handler.received.values == [[1]])
        service.close()
    }
}
