import Foundation
import Testing
import Training

@testable import Cluster

/// States on their way to workers and to the disk.
@Suite struct StateTransferTests {
    private static let floats = 3 * ControlLimits.chunkFloats

    private static func transfer(step: Int = 0, parts: [StatePart] = [.weights]) -> StateTransfer {
        var transfer = StateTransfer()
        transfer.begin(
            StateSource(
                step: step, parts: parts.map { PartToLoad(part: $0, sha256: nil) },
                point: Samples.history(base: step).base),
            shape: StateShape(weights: floats, moments: floats / 2), parts: parts)
        return transfer
    }

    private let payload = Data(count: ControlLimits.payloadBytes)

    private func asked(_ transition: Transition) -> [Int] {
        transition.sent.compactMap { if case .stateRequest(_, let index) = $0.body { index } else { nil } }
    }

    @Test func `those behind load from a member that is not, through a window`() {
        var transfer = Self.transfer()
        var members = Samples.members(2)
        members[0].applied = 5
        var transition = Transition.at(0)
        transfer.connect(&members, at: 5, &transition)
        #expect(members.map(\.mustLoad) == [false, true])
        #expect(transfer.request(.weights, 0..<2, by: members[1].peer, members: 2, &transition) == nil)
        #expect(asked(transition).isEmpty, "the state is not copied")
        #expect(transfer.owes(members[0]) && !transfer.owes(members[1]))
        transfer.snapshotTaken(step: 5, by: members[0].peer, &transition)
        #expect(asked(transition) == [0, 1])
        let first = StateTransfer.Chunk(part: .weights, index: 0)
        #expect(transfer.received(first, payload, step: 5, from: members[0].peer, &transition) == nil)
        #expect(transition.sent.last?.peer == members[1].peer)
        #expect(transfer.received(first, payload, step: 5, from: members[0].peer, &transition) != nil, "it came before")
    }

    @Test func `where no member has the state it comes from here`() {
        var transfer = Self.transfer()
        var members = Samples.members(1)
        var transition = Transition.at(0)
        transfer.connect(&members, at: 0, &transition)
        #expect(transfer.request(.weights, 0..<3, by: members[0].peer, members: 1, &transition) == nil)
        guard case .sendSource(_, .weights, 0..<3, generation: 1)? = transition.effects.last else {
            Issue.record("\(transition.effects)")
            return
        }
        #expect(
            transfer.request(.weights, 0..<4, by: members[0].peer, members: 1, &transition) != nil, "there are three")
        #expect(transfer.request(.firstMoment, 0..<1, by: members[0].peer, members: 1, &transition) != nil)
    }

    @Test func `a fetch is complete when all chunks have come in order`() {
        var transfer = Self.transfer()
        let peer = Samples.peer(0)
        var transition = Transition.at(0)
        transfer.startFetch(.periodic, from: peer, step: 4, &transition)
        #expect(transfer.isFetching(from: peer))
        transfer.snapshotTaken(step: 3, by: peer, &transition)
        #expect(asked(transition).isEmpty, "that is another copy")
        transfer.snapshotTaken(step: 4, by: peer, &transition)
        #expect(asked(transition) == [0, 1, 2])
        for index in 0..<3 {
            #expect(transfer.fetch?.isComplete == false)
            let chunk = StateTransfer.Chunk(part: .weights, index: index)
            #expect(transfer.received(chunk, payload, step: 4, from: peer, &transition) == nil)
        }
        #expect(transfer.fetch?.isComplete == true && !transfer.isFetching(from: peer))
        transfer.takeFetch(&transition)
        #expect(transfer.fetch == nil && transition.sent.last?.body == .snapshotRelease)
    }

    @Test func `chunks of a fetch that was given up are ignored, and others refused`() {
        var transfer = Self.transfer()
        let peer = Samples.peer(0)
        var transition = Transition.at(0)
        transfer.startFetch(.periodic, from: peer, step: 4, &transition)
        transfer.startFetch(.periodic, from: peer, step: 6, &transition)
        let chunk = StateTransfer.Chunk(part: .weights, index: 0)
        #expect(transfer.received(chunk, payload, step: 4, from: peer, &transition) == nil)
        #expect(transfer.received(chunk, payload, step: 7, from: peer, &transition) != nil)
        #expect(transfer.received(chunk, payload.dropLast(), step: 6, from: peer, &transition) != nil)
    }

    @Test func `a window has so many requests under way`() {
        var window = ChunkWindow(credit: 2, [1, 2, 3])
        #expect([window.next(), window.next(), window.next()] == [1, 2, nil])
        #expect(window.answered() == 1 && window.next() == 3 && window.next() == nil)
        #expect(window.answered() == 2 && window.answered() == 3 && window.answered() == nil && window.isDone)
    }
}
