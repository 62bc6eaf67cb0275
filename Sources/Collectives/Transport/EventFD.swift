import CLinux
import Foundation
import Synchronization

/// A file descriptor (eventfd(2)) that wakes a thread that sleeps in ``ZeroMQPoller/wait(milliseconds:)``, from any
/// thread.
public final class EventFD: Sendable {
    /// To be polled for reading.
    public let fileDescriptor: Int32
    // Whether it is readable already: most notifications cost no system call.
    private let isPending = Atomic<Bool>(false)

    /// A descriptor that has not been notified.
    ///
    /// - Throws: if the process is out of file descriptors.
    public init() throws(ZeroMQError) {
        fileDescriptor = shoal_eventfd()
        guard fileDescriptor >= 0 else {
            throw ZeroMQError(operation: "create a wake-up", endpoint: "", code: errno)
        }
    }

    deinit { close(fileDescriptor) }

    /// Makes the descriptor readable until it is cleared. Cheap, never blocks.
    public func notify() {
        guard !isPending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        _ = write(fileDescriptor, &one, 8)
    }

    /// Takes the notifications back. Clear first, then look for work, or work may be missed.
    public func clear() {
        var count: UInt64 = 0
        // Read before the flag falls: a notification in between finds the flag up, and its work is looked for after us.
        _ = read(fileDescriptor, &count, 8)
        isPending.store(false, ordering: .sequentiallyConsistent)
    }
}
