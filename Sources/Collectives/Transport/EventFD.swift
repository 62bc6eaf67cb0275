import Foundation
import Synchronization

/// Wakes a thread that sleeps in ``ZeroMQPoller/wait(milliseconds:)``, from any thread (a pipe to oneself).
public final class WakeUp: Sendable {
    /// To be polled for reading.
    public let fileDescriptor: Int32
    private let writeEnd: Int32
    // Whether there is a byte in the pipe: one is enough, so most notifications cost no system call.
    private let isPending = Atomic<Bool>(false)

    /// A wake-up that has not been notified.
    ///
    /// - Throws: if the process is out of file descriptors.
    public init() throws(ZeroMQError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ZeroMQError(operation: "create a wake-up", endpoint: "", code: errno)
        }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        fileDescriptor = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(fileDescriptor)
        close(writeEnd)
    }

    /// Makes the descriptor readable until it is cleared. Cheap, never blocks.
    public func notify() {
        guard !isPending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Takes the notifications back. Clear first, then look for work, or work may be missed.
    public func clear() {
        var bytes: (UInt64, UInt64) = (0, 0)
        // Read before the flag falls: a notification in between finds the flag up, and its work is looked for after us.
        _ = read(fileDescriptor, &bytes, 16)
        isPending.store(false, ordering: .sequentiallyConsistent)
    }
}
