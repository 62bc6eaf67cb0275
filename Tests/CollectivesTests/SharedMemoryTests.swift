import Foundation
import Numerics
import Testing

@testable import Collectives

@Suite struct SharedMemoryTests {
    private let challenge = SharedMemoryExporter.makeChallenge()

    @Test func `a process that shows the challenge is read`() throws {
        let exporter = SharedMemoryExporter(worldSize: 3)
        let location = exporter.publish(challenge, to: 2)
        #expect(location.encoded.withUnsafeBytes(MemoryLocation.init) == location)
        let memory = try #require(SharedMemoryReader(location, challenge: challenge))
        let floats = Floats([1, 2, 3])
        let reference = MemoryReference(floats.pointer, stamp: exporter.openEpoch())
        #expect(reference.encoded.withUnsafeBytes(MemoryReference.init) == reference)
        let copy = Floats([0, 0, 0, 9])
        #expect(memory.read(reference, count: 3, to: copy.pointer) == .read)
        #expect(copy.bits == [1, 2, 3, 9].map { Float($0).bitPattern })
        withExtendedLifetime(exporter) {}
    }

    @Test func `a process that does not show the challenge is not read`() {
        let exporter = SharedMemoryExporter(worldSize: 2)
        let location = exporter.publish(challenge, to: 1)
        func tries(_ change: (inout MemoryLocation) -> Void, _ challenge: [UInt8]) -> Bool {
            var changed = location
            change(&changed)
            return SharedMemoryReader(changed, challenge: challenge) != nil
        }
        #expect(tries({ _ in }, challenge))
        #expect(!tries({ _ in }, SharedMemoryExporter.makeChallenge()))
        // Another rank's slot; memory that is not there; processes that are not, or cannot be.
        #expect(!tries({ $0.challenge -= 16 }, challenge))
        #expect(!tries({ $0.challenge = 8 }, challenge))
        #expect(!tries({ $0.challenge = .max - 3 }, challenge))
        for pid in [0, 1 << 22 + 1, UInt64(Int32.max), 1 << 31, .max] { #expect(!tries({ $0.pid = pid }, challenge)) }
        withExtendedLifetime(exporter) {}
    }

    @Test func `memory of a closed epoch is found out`() throws {
        let exporter = SharedMemoryExporter(worldSize: 2)
        let memory = try #require(SharedMemoryReader(exporter.publish(challenge, to: 1), challenge: challenge))
        let (floats, copy) = (Floats([1, 2]), Floats([0, 0]))
        let first = MemoryReference(floats.pointer, stamp: exporter.openEpoch())
        let second = MemoryReference(floats.pointer, stamp: exporter.openEpoch())
        #expect(memory.read(first, count: 2, to: copy.pointer) == .epochClosed, "of another step")
        #expect(memory.read(second, count: 2, to: copy.pointer) == .read)
        exporter.closeEpoch()
        #expect(memory.read(second, count: 2, to: copy.pointer) == .epochClosed)
        var nothing = second
        nothing.stamp = 0
        #expect(memory.read(nothing, count: 2, to: copy.pointer) == .epochClosed, "no stamp is none of ours")
        nothing.address = 64
        #expect(memory.read(nothing, count: 2, to: copy.pointer) == .epochClosed)
        withExtendedLifetime((floats, exporter)) {}
    }

    @Test func `in memory hardly anything is sent`() throws {
        let job = Job(leafCount: 2, buckets: [0..<40_000], seed: 2)
        let expected = job.expected
        var bytes: [Int] = []
        for transport in [World.Transport.ipc, .memory] {
            let world = try World(2, transport)
            defer { world.close() }
            try world.connect()
            let sent = LockedArray<Int>(repeating: 0, count: 2)
            // The first step may begin before the peers have announced to each other that they can read.
            for step in 1...3 {
                try world.each { reducer in
                    let got = try job.run(
                        reducer, step: UInt64(step), partition: [0..<1, 1..<2], singleLeaves: true, inPlace: true)
                    #expect(got.bits == expected)
                    sent.set(reducer.rank, got.reduction.bytesSent)
                }
            }
            bytes.append(sent.values[0])
        }
        #expect(bytes[0] > 160_000 && bytes[1] < 2000, "\(bytes)")
    }

    /// Ranks 0 and 1 share memory, rank 2 is elsewhere: whatever the wire does to floats, all have the same ones.
    @Test(arguments: [(WirePrecision.float32, false), (.float32, true), (.bf16, false), (.bf16, true)])
    func `ranks that do not share have the same bits`(_ wire: WirePrecision, _ compresses: Bool) throws {
        let folder = try World.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reducers = try (0..<3).map { rank in
            var options = SameBitsTests.options
            (options.wire, options.compresses, options.sharedMemory.isEnabled) = (wire, compresses, rank != 2)
            return try AllReducer(
                rank: rank, worldSize: 3, generation: 1, bind: "ipc://\(folder)/\(rank)", options: options)
        }
        defer { _ = World.parallel(3) { reducers[$0].close() } }
        let job = Job(leafCount: 6, buckets: SameBitsTests.buckets, seed: 8)
        let results = LockedArray<[UInt32]>(repeating: [], count: 3)
        let errors = World.parallel(3) { rank in
            try reducers[rank].connect(to: reducers.map(\.endpoint))
            for step in 1...3 {
                let got = try job.run(
                    reducers[rank], step: UInt64(step), partition: [0..<2, 2..<4, 4..<6], singleLeaves: true,
                    inPlace: true)
                results.set(rank, got.bits)
            }
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        let expected = results.values[2]
        #expect(!expected.isEmpty && results.values.allSatisfy { $0 == expected })
        if wire == .float32 { #expect(expected == job.expected) }
        #expect(reducers.allSatisfy { $0.refusedMessages == 0 })
    }
}
