import CLinux
import Foundation
import Synchronization

/// What a rank exports to peers that can read its memory: proof that it is the process that they talk to, and which of
/// its lent memory still holds.
///
/// A peer that is to read this rank's memory sends a challenge of its choice, and finds it again in the slot that it is
/// given: so what it reads belongs to the process that received the challenge, and not to another one that a third
/// party names. Memory is lent by epochs, one per step: the epoch's stamp is published beside the challenges.
///
/// Used by the I/O thread alone; peers read it through the kernel.
final class SharedMemoryExporter {
    static let challengeBytes = 16

    private let memory: UnsafeMutableRawPointer
    private let worldSize: Int
    private var stamp: UnsafeMutablePointer<UInt64> { memory.assumingMemoryBound(to: UInt64.self) }

    /// Exports nothing yet.
    init(worldSize: Int) {
        self.worldSize = worldSize
        let bytes = 16 + worldSize * Self.challengeBytes
        memory = .allocate(byteCount: bytes, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        shoal_let_processes_read()
    }

    deinit { memory.deallocate() }

    /// A challenge that no other process can know.
    static func makeChallenge() -> [UInt8] { (0..<challengeBytes).map { _ in UInt8.random(in: 0...255) } }

    /// Publishes the challenge of `peer`.
    ///
    /// - Returns: where the peer finds it.
    func publish(_ challenge: [UInt8], to peer: Int) -> MemoryLocation {
        precondition(peer < worldSize && challenge.count == Self.challengeBytes)
        let slot = memory + 16 + peer * Self.challengeBytes
        slot.copyMemory(from: challenge, byteCount: challenge.count)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return MemoryLocation(
            pid: UInt64(getpid()), challenge: UInt64(UInt(bitPattern: slot)), stamp: UInt64(UInt(bitPattern: memory)))
    }

    /// From now on lent memory holds, under the stamp that is returned.
    func openEpoch() -> UInt64 {
        let value = UInt64.random(in: 1...(.max))
        stamp.pointee = value
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return value
    }

    /// Lent memory does not hold any more: a peer that reads it from now on finds that out by the stamp. To be called
    /// before the memory changes.
    func closeEpoch() {
        stamp.pointee = 0
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }
}
