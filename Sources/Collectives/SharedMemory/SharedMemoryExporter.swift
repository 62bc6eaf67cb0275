import CLinux
import Foundation
import Synchronization

/// What a rank shows to peers that can read its memory: that it is the one that they talk to, and which of its lent
/// memory still holds.
///
/// A peer that is to read our memory sends a challenge of its choice, and finds it again in the slot that is told to
/// it: so what it reads belongs to the process that has heard it, and not to another one that somebody names.
///
/// Used by the I/O thread alone; peers read it through the kernel.
final class MemoryBoard {
    static let challengeBytes = 16

    private let memory: UnsafeMutableRawPointer
    private let worldSize: Int
    private var stamp: UnsafeMutablePointer<UInt64> { memory.assumingMemoryBound(to: UInt64.self) }

    init(worldSize: Int) {
        self.worldSize = worldSize
        let bytes = 16 + worldSize * Self.challengeBytes
        memory = .allocate(byteCount: bytes, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        shoal_let_processes_read()
    }

    deinit { memory.deallocate() }

    /// A challenge that nobody else can know.
    static func makeChallenge() -> [UInt8] { (0..<challengeBytes).map { _ in UInt8.random(in: 0...255) } }

    /// Shows a peer's challenge.
    ///
    /// - Returns: where the peer finds it.
    func show(_ challenge: [UInt8], to peer: Int) -> MemoryLocation {
        precondition(peer < worldSize && challenge.count == Self.challengeBytes)
        let slot = memory + 16 + peer * Self.challengeBytes
        slot.copyMemory(from: challenge, byteCount: challenge.count)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return MemoryLocation(
            pid: UInt64(getpid()), challenge: UInt64(UInt(bitPattern: slot)), stamp: UInt64(UInt(bitPattern: memory)))
    }

    /// From now on lent memory holds, under the stamp that is returned.
    func beginLending() -> UInt64 {
        let value = UInt64.random(in: 1...(.max))
        stamp.pointee = value
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return value
    }

    /// Lent memory does not hold any more: whoever reads it from now on finds out by the stamp. To be called before the
    /// memory changes.
    func endLending() {
        stamp.pointee = 0
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }
}

/// Where a peer finds what a ``MemoryBoard`` shows it: 24 bytes, little-endian: process id, and the addresses of the
/// challenge and of the stamp in that process.
struct MemoryLocation: Equatable {
    static let byteCount = 24
    var pid: UInt64
    var challenge: UInt64
    var stamp: UInt64

    init(pid: UInt64, challenge: UInt64, stamp: UInt64) {
        (self.pid, self.challenge, self.stamp) = (pid, challenge, stamp)
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = LittleEndianWords.decode(bytes)
        self.init(pid: words[0], challenge: words[1], stamp: words[2])
    }

    var encoded: [UInt8] { LittleEndianWords.encode([pid, challenge, stamp]) }
}

/// Lent memory, named instead of sent: 16 bytes, little-endian: the address in the sender's process, and the stamp
/// under which it holds.
struct MemoryReference: Equatable {
    static let byteCount = 16
    var address: UInt64
    var stamp: UInt64

    init(_ floats: UnsafePointer<Float>, stamp: UInt64) {
        (address, self.stamp) = (UInt64(UInt(bitPattern: floats)), stamp)
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        let words = LittleEndianWords.decode(bytes)
        (address, stamp) = (words[0], words[1])
    }

    var encoded: [UInt8] { LittleEndianWords.encode([address, stamp]) }
}

private enum LittleEndianWords {
    static func encode(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in withUnsafeBytes(of: word.littleEndian, Array.init) }
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        stride(from: 0, to: bytes.count - 7, by: 8).map {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
        }
    }
}

/// The memory of a peer on this machine that has proved to be the one at the other end of the connection.
struct PeerMemory {
    /// What came of reading.
    enum Outcome: Equatable {
        /// All is there.
        case read
        /// It does not hold any more: the peer has gone, or has given up the step. What was written may be anything.
        case withdrawn
        /// The system does not let it be read, for this reason (`errno`), though it may hold.
        case unreadable(Int32)
    }

    /// The process.
    let process: UInt64
    private let pid: Int64
    private let stamp: UInt64

    /// nil unless the process that `location` names shows `challenge` there: it is elsewhere, or may not be read.
    init?(_ location: MemoryLocation, challenge: [UInt8]) {
        guard let pid = Int32(exactly: location.pid), pid > 0 else { return nil }
        self.pid = Int64(pid)
        process = location.pid
        stamp = location.stamp
        var found = [UInt8](repeating: 0, count: challenge.count)
        guard shoal_read_process(self.pid, location.challenge, &found, found.count) == 0, found == challenge else {
            return nil
        }
    }

    /// Copies `count` floats to `to`, and finds out whether they held until the last one was read.
    func read(_ reference: MemoryReference, count: Int, to: UnsafeMutablePointer<Float>) -> Outcome {
        let problem = shoal_read_process(pid, reference.address, to, count * 4)
        // After the floats: the peer takes the stamp away before it changes them.
        var found: UInt64 = 0
        let stampProblem = shoal_read_process(pid, stamp, &found, 8)
        if problem == ESRCH || stampProblem == ESRCH { return .withdrawn }
        guard stampProblem == 0 else { return .unreadable(stampProblem) }
        guard found == reference.stamp, found != 0 else { return .withdrawn }
        return problem == 0 ? .read : .unreadable(problem)
    }
}
