import Foundation
import Support
import Synchronization

/// What a ``PolledService`` does with its socket; used by the service's thread alone.
protocol PolledHandler: Sendable {
    /// To be called when the socket is readable, or when the time that the turn before gave has passed.
    ///
    /// - Returns: milliseconds until the next turn, at the latest; `nil`: when the socket is readable.
    mutating func turn(_ socket: ZeroMQSocket, isReadable: Bool) -> Int?
}

/// A thread that serves one socket until it is closed.
final class PolledService: Sendable {
    private let eventFD: EventFD
    private let isClosing = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Starts the thread `name`, which takes `socket` over.
    ///
    /// - Throws: if the process is out of file descriptors or threads.
    init(_ name: String, _ socket: ZeroMQSocket, _ handler: some PolledHandler) throws(ZeroMQError) {
        eventFD = try EventFD()
        let confined = ThreadConfined(socket)
        do throws(ResourceLimitError) {
            try NamedThread.start(name) { [self] in
                serve(confined.value, handler)
                confined.value.close()
                ended.signal()
            }
        } catch {
            throw ZeroMQError(error)
        }
    }

    /// Ends the thread and waits for that. Calling it again does nothing.
    func close() {
        guard !isClosing.exchange(true, ordering: .acquiringAndReleasing) else { return }
        eventFD.notify()
        ended.wait()
    }

    private func serve(_ socket: ZeroMQSocket, _ handler: some PolledHandler) {
        var handler = handler
        var poller = ZeroMQPoller()
        let entry = poller.add(socket)
        poller.add(fileDescriptor: eventFD.fileDescriptor)
        var milliseconds: Int?
        while !isClosing.load(ordering: .acquiring) {
            guard (try? poller.wait(milliseconds: milliseconds)) != nil else { return }
            eventFD.clear()
            milliseconds = handler.turn(socket, isReadable: poller.isReadable(entry))
        }
    }
}
