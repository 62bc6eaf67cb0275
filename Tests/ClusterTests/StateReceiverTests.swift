import Testing

@testable import Cluster

struct StateReceiverTests {
    private static let floats = 10 * ControlLimits.chunkFloats + 5

    private static func receiver() -> StateReceiver {
        StateReceiver(
            step: 7, parts: [PartToLoad(part: .weights), PartToLoad(part: .firstMoment)],
            shape: StateShape(weights: floats, moments: 3 * ControlLimits.chunkFloats))
    }

    private static func bytes(_ chunk: Int) -> Int { chunk == 10 ? 20 : ControlLimits.chunkFloats * 4 }

    @Test func `all chunks of all parts are asked for once, in order, within the window`() {
        var receiver = Self.receiver()
        func requests() -> [StateReceiver.Request] { receiver.takeRequests() }
        func accepts(_ part: StatePart, _ chunk: Int, short: Int = 0) -> Bool {
            receiver.accept(part, chunk: chunk, bytes: Self.bytes(chunk) - short)
        }
        var asked: [(StatePart, Int)] = []
        var accepted = 0
        while !receiver.isComplete {
            for request in requests() {
                #expect(request.chunks.count <= StateReceiver.window)
                asked += request.chunks.map { (request.part, $0) }
            }
            #expect(asked.count - accepted <= StateReceiver.window)
            guard asked.indices.contains(accepted) else {
                Issue.record("nothing is asked for, and \(accepted) chunks have come")
                return
            }
            let (part, chunk) = asked[accepted]
            #expect(accepts(part, chunk))
            accepted += 1
        }
        #expect(asked.map(\.0) == Array(repeating: .weights, count: 11) + Array(repeating: .firstMoment, count: 3))
        #expect(asked.map(\.1) == Array(0...10) + Array(0...2))
        #expect(requests().isEmpty)
    }

    @Test func `a request waits until half of the window is free`() {
        var receiver = StateReceiver(
            step: 7, parts: [PartToLoad(part: .weights)],
            shape: StateShape(weights: 100 * ControlLimits.chunkFloats, moments: 1))
        let window = StateReceiver.window
        let first = receiver.takeRequests()
        #expect(first == [.init(part: .weights, chunks: 0..<window)])
        for chunk in 0..<window / 2 {
            let early = receiver.takeRequests()
            #expect(early.isEmpty, "after \(chunk) chunks")
            let isAccepted = receiver.accept(.weights, chunk: chunk, bytes: ControlLimits.chunkFloats * 4)
            #expect(isAccepted)
        }
        let next = receiver.takeRequests()
        #expect(next == [.init(part: .weights, chunks: window..<window + window / 2)])
    }

    @Test func `chunks that were not asked for, or have another length, are refused`() {
        var receiver = Self.receiver()
        func requests() -> [StateReceiver.Request] { receiver.takeRequests() }
        func accepts(_ part: StatePart, _ chunk: Int, short: Int = 0) -> Bool {
            receiver.accept(part, chunk: chunk, bytes: Self.bytes(chunk) - short)
        }
        #expect(!accepts(.weights, 0), "before it was asked for")
        _ = requests()
        #expect(!accepts(.weights, 1), "out of order")
        #expect(!accepts(.secondMoment, 0), "of another part")
        #expect(!accepts(.weights, 0, short: 4), "too short")
        #expect(accepts(.weights, 0))
        #expect(!accepts(.weights, 0), "twice")
    }
}
