import Logging
import Support
import Testing

@testable import Collectives

/// Time-outs, messages that come too early, and senders that misbehave.
@Suite struct FlowControlTests {
    @Test func `the time for a step is that of the first, or follows the one before`() {
        var timeouts = AllReduceOptions.Timeouts()
        (timeouts.step, timeouts.stepFactor, timeouts.firstStep) = (10, 4, 100)
        var timer = StepTimer(timeouts)
        #expect(timer.lastStep == nil && timer.limit == 100)
        timer.begin(7, now: 1000)
        timer.end(now: 1001)
        #expect(timer.lastStep == 7 && timer.limit == 10)
        timer.begin(8, now: 1001)
        timer.end(now: 1021)
        #expect(timer.limit == 80)
        timeouts.firstStep = nil
        #expect(StepTimer(timeouts).limit == 10)
    }

    @Test func `trouble brings the end of a step forward`() {
        var timeouts = AllReduceOptions.Timeouts()
        (timeouts.step, timeouts.lostPeerGrace) = (60, 3)
        var timer = StepTimer(timeouts)
        timer.begin(1, now: 100)
        #expect(timer.deadline(.init()) == 160)
        timer.recordProgress(now: 110)
        #expect(timer.deadline(.init()) == 170)
        #expect(timer.deadline(.init(neededPeerLostAt: 105)) == 113, "from the last progress")
        #expect(timer.deadline(.init(neededPeerLostAt: 120)) == 123, "from the loss")
        #expect(timer.deadline(.init(memoryClosedAt: 112)) == 114)
        #expect(timer.deadline(.init(neededPeerLostAt: 110, memoryClosedAt: 112)) == 113)
    }

    private func message(_ sender: Int, step: UInt64, bytes: Int = 0) -> EarlyMessages.Message {
        let world = WorldDescription(rank: 0, size: 3, generation: 1, segmentFloats: 4096, wire: .float32)
        return EarlyMessages.Message(
            sender: sender, header: world.header(.piggyback, step: step),
            frames: [InMemoryFrame([UInt8](repeating: 0, count: bytes))])
    }

    @Test func `early messages are kept in order until the step begins`() throws {
        var early = EarlyMessages(worldSize: 3, limits: .init(bytes: 10_000, messages: 10))
        for sender in [1, 2, 1] { try early.add(message(sender, step: 4), isStepUnderWay: true) }
        #expect(early.removeAll().map(\.sender) == [1, 2, 1])
        #expect(early.removeAll().isEmpty)
        #expect(throws: Never.self) { try early.add(message(1, step: 5), isStepUnderWay: true) }
    }

    @Test func `a peer that counts steps as it likes has failed`() throws {
        var early = EarlyMessages(worldSize: 3, limits: .init(bytes: 10_000, messages: 10))
        try early.add(message(1, step: 4), isStepUnderWay: true)
        try early.add(message(2, step: 5), isStepUnderWay: true)
        let overrun = EarlyMessages.Overrun(rank: 1, reason: "it sent messages of several steps to come")
        #expect(throws: overrun) { try early.add(message(1, step: 5), isStepUnderWay: true) }
    }

    @Test func `a full buffer stops reading, and in a step names the one that filled it`() throws {
        var early = EarlyMessages(worldSize: 3, limits: .init(bytes: 3 << 20, messages: 5))
        try early.add(message(1, step: 4, bytes: 1 << 20), isStepUnderWay: false)
        #expect(!early.isFull)
        try early.add(message(2, step: 4, bytes: 2 << 20), isStepUnderWay: false)
        #expect(early.isFull, "of bytes")
        #expect(throws: Never.self) { try early.add(message(1, step: 4), isStepUnderWay: false) }
        let overrun = EarlyMessages.Overrun(
            rank: 2, reason: "it sent 2 MiB of the 3 MiB in 3 messages that wait for a step to come")
        #expect(throws: overrun) { try early.add(message(1, step: 4), isStepUnderWay: true) }
        var many = EarlyMessages(worldSize: 3, limits: .init(bytes: 3 << 20, messages: 5))
        for _ in 0..<5 {
            #expect(!many.isFull)
            try many.add(message(1, step: 4), isStepUnderWay: true)
        }
        #expect(many.isFull, "of messages")
    }

    @Test func `refused messages are tolerated up to a limit by peer and by connection`() {
        var counter = MisbehaviourCounter()
        for _ in 0..<MisbehaviourCounter.limit {
            #expect(counter.record(peer: 1) == nil)
            #expect(counter.record(connection: 9) == false)
        }
        #expect(counter.record(peer: 2) == nil)
        #expect(counter.record(peer: 1) == 65)
        #expect(counter.record(connection: 8) == false)
        #expect(counter.record(connection: 9) == true)
        #expect(counter.record(connection: 9) == false, "the number may be another connection's by now")
        let logged = (0..<100).count { _ in counter.shouldLogUnknownSender() }
        #expect(logged == 65)
    }

    @Test func `refusals are counted each and logged once`() {
        let lines = LockedArray<String>(repeating: "", count: 0)
        let log = RefusalLog(Logger(lines: { lines.append($0) }))
        for line in ["a", "b", "a", nil] { log.record(line) }
        #expect(log.count == 4)
        #expect(lines.values == ["a", "b"])
    }
}
