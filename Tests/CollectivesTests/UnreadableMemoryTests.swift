import Foundation
import Numerics
import Testing

@testable import Collectives

/// Memory of a living peer that cannot be read, or that never holds.
@Suite struct UnreadableMemoryTests {
    private let challenge = SharedMemoryExporter.makeChallenge()

    @Test func `memory that is missing while the stamp holds differs from memory that was taken back`()
        throws
    {
        let exporter = SharedMemoryExporter(worldSize: 2)
        let memory = try #require(SharedMemoryReader(exporter.publish(challenge, to: 1), challenge: challenge))
        let (floats, copy) = (Floats([1, 2]), Floats([0, 0]))
        var reference = MemoryReference(floats.pointer, stamp: exporter.openEpoch())
        #expect(memory.read(reference, count: 2, to: copy.pointer) == .read)
        reference.address = 64
        #expect(memory.read(reference, count: 2, to: copy.pointer) == .unreadable(EFAULT))
        exporter.closeEpoch()
        #expect(memory.read(reference, count: 2, to: copy.pointer) == .epochClosed)
        withExtendedLifetime((floats, exporter)) {}
    }

    @Test func `a stamp that cannot be read is an unreadable peer`() throws {
        let exporter = SharedMemoryExporter(worldSize: 2)
        var location = exporter.publish(challenge, to: 1)
        location.stamp = 64
        let memory = try #require(SharedMemoryReader(location, challenge: challenge))
        let (floats, copy) = (Floats([1, 2]), Floats([0, 0]))
        let reference = MemoryReference(floats.pointer, stamp: exporter.openEpoch())
        #expect(memory.read(reference, count: 2, to: copy.pointer) == .unreadable(EFAULT))
        withExtendedLifetime((floats, exporter)) {}
    }

    /// Plays rank 1, which shows memory of its own and then names memory that is not there, or a stamp that never
    /// holds.
    @Test(arguments: [true, false])
    func `a false address ends the step at once and the next generation uses sockets`(_ isStampFalse: Bool) throws {
        var options = AllReduceOptions()
        options.segmentFloats = 4096
        options.timeouts.step = 600
        options.timeouts.close = 0.1
        let victim = try AllReducer(
            rank: 0, worldSize: 2, generation: 3, bind: "tcp://127.0.0.1:*", options: options)
        defer { victim.close() }
        let done = LockedArray<(any Error)?>(repeating: nil, count: 1)
        let endpoint = LockedArray<String>(repeating: "", count: 1)
        let (bound, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let own = Floats(Array(repeating: 1, count: 8192))
        let result = Floats(Array(repeating: 9, count: 8192))
        let errors = World.parallel(2) { thread in
            guard thread == 0 else {
                return try Self.lie(to: victim, endpoint, bound, ended, own, isStampFalse: isStampFalse)
            }
            defer { ended.signal() }
            bound.wait()
            try victim.connect(to: ["", endpoint.values[0]])
            try victim.begin(
                ReductionStep(
                    number: 1, tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2], buckets: [0..<8192],
                    result: result.pointer))
            let contribution = Contribution(node: TreeNode(level: 0, index: 0), base: own.pointer)
            victim.submit(bucket: 0, contributions: [contribution])
            do { _ = try victim.finish(piggyback: []) } catch { done.set(0, error) }
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        guard case .unreadableMemory(let peer, let step, _) = done.values[0] as? AllReduceError else {
            Issue.record("\(String(describing: done.values[0]))")
            return
        }
        #expect(peer.rank == 1 && step == 1)
        #expect(options.sharedMemory.unreadable.contains(UInt64(getpid())))
        #expect(victim.refusedMessages == 0)
        withExtendedLifetime((own, result)) {}
    }

    private static func lie(
        to victim: AllReducer, _ endpoint: LockedArray<String>, _ bound: DispatchSemaphore,
        _ ended: DispatchSemaphore, _ floats: Floats, isStampFalse: Bool
    ) throws {
        let exporter = SharedMemoryExporter(worldSize: 2)
        let context = try ZeroMQContext()
        var options = ZeroMQSocketOptions()
        options.receiveTimeout = 5000
        options.linger = 0
        let router = try ZeroMQSocket(context, type: .router, options: options)
        endpoint.set(0, try router.bind("tcp://127.0.0.1:*"))
        bound.signal()
        let liar = try HostileMessageTests.RawPeer(victim.endpoint)
        try liar.send(HostileMessageTests.header(.hello))
        #expect(try liar.answer() == .welcome)
        let limits = ZeroMQLimits(frames: 3, bytes: 1 << 20)
        let hello = try #require(try router.receive(limits: limits))
        let location = exporter.publish(hello[2].array, to: 0)
        try router.send([hello[0].array, HostileMessageTests.header(.welcome), location.encoded])
        while try #require(try router.receive(limits: limits)).count != 3 {}
        let stamp = exporter.openEpoch()
        var reference = MemoryReference(floats.pointer, stamp: isStampFalse ? stamp ^ 1 : stamp)
        if !isStampFalse { reference.address = 64 }
        let contribution = HostileMessageTests.header(.contribution) {
            ($0.step, $0.node.index, $0.count, $0.code) = (1, 1, 4096, PayloadFormat.reference)
        }
        try liar.send(contribution, reference.encoded)
        ended.wait()
        withExtendedLifetime(exporter) {}
    }
}
