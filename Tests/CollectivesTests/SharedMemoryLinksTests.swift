import Foundation
import Testing

@testable import Collectives

/// Which peers read whose memory. Both ranks are in this process, whose memory the kernel lets it read.
@Suite struct SharedMemoryLinksTests {
    private let lender = SharedMemoryLinks(worldSize: 2, isEnabled: true, unreadable: UnreadableMemory())
    private let reader = SharedMemoryLinks(worldSize: 2, isEnabled: true, unreadable: UnreadableMemory())
    private let floats = Floats([1, 2, 3])

    /// Rank 1 learns to read the memory of rank 0.
    private func meet() throws {
        let challenge = try #require(reader.challenge(for: 0))
        let location = try #require(lender.publish(challenge, to: 1))
        #expect(reader.receive(location, from: 0))
        #expect(!reader.receive(location, from: 0), "once")
        #expect(lender.recordReader(1))
    }

    @Test func `floats are read where they are until the epoch is closed`() throws {
        try meet()
        #expect(reader.canRead(0) && !lender.canRead(1))
        #expect(lender.lend(floats.pointer, to: 1) == nil, "before the epoch")
        lender.openEpoch()
        let reference = try #require(lender.lend(floats.pointer, to: 1))
        #expect(lender.isLending(to: 1))
        let copy = Floats([0, 0, 0])
        let frame = InMemoryFrame(reference.encoded)
        #expect(try reader.read(frame, count: 3, from: 0, to: copy.pointer, now: 5))
        #expect(copy.bits == floats.bits && reader.closedAt(0) == nil)
        #expect(lender.recordRead(by: 1) && !lender.isLending(to: 1))
        #expect(!lender.recordRead(by: 1), "nothing is lent")
        lender.closeEpoch()
        #expect(try !reader.read(frame, count: 3, from: 0, to: copy.pointer, now: 7))
        #expect(try !reader.read(frame, count: 3, from: 0, to: copy.pointer, now: 8))
        #expect(reader.closedAt(0) == 7, "since the first time")
        reader.openEpoch()
        #expect(reader.closedAt(0) == nil, "a new step")
    }

    @Test func `memory that cannot be read though it holds is given up for good`() throws {
        let unreadable = UnreadableMemory()
        let reader = SharedMemoryLinks(worldSize: 2, isEnabled: true, unreadable: unreadable)
        let challenge = try #require(reader.challenge(for: 0))
        let location = try #require(lender.publish(challenge, to: 1))
        #expect(reader.receive(location, from: 0))
        _ = lender.recordReader(1)
        lender.openEpoch()
        var reference = try #require(lender.lend(floats.pointer, to: 1))
        reference.address = 64
        let frame = InMemoryFrame(reference.encoded)
        #expect(throws: SharedMemoryLinks.UnreadableReason(code: EFAULT)) {
            try reader.read(frame, count: 3, from: 0, to: floats.pointer, now: 0)
        }
        let next = SharedMemoryLinks(worldSize: 2, isEnabled: true, unreadable: unreadable)
        let other = try #require(next.challenge(for: 0))
        let again = try #require(lender.publish(other, to: 1))
        #expect(!next.receive(again, from: 0), "in the next generation, too")
    }

    @Test func `without shared memory there are no challenges and no readers`() {
        let links = SharedMemoryLinks(worldSize: 2, isEnabled: false, unreadable: UnreadableMemory())
        #expect(links.challenge(for: 1) == nil)
        #expect(links.publish(SharedMemoryExporter.makeChallenge(), to: 1) == nil)
        #expect(!links.recordReader(1))
        links.openEpoch()
        #expect(links.lend(floats.pointer, to: 1) == nil)
        #expect(SharedMemoryLinks(worldSize: 1, isEnabled: true, unreadable: UnreadableMemory()).isEnabled == false)
    }
}
