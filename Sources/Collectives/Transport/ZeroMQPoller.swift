import CZeroMQ
import Foundation

/// Waits until one of several sockets or file descriptors has something to read.
public struct ZeroMQPoller {
    private var items: [zmq_pollitem_t] = []
    // Keeps the sockets that are polled alive.
    private var sockets: [ZeroMQSocket] = []

    /// A poller of nothing.
    public init() {}

    /// Adds a socket; returns its number for ``isReadable(_:)``.
    @discardableResult
    public mutating func add(_ socket: ZeroMQSocket) -> Int {
        sockets.append(socket)
        items.append(zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0))
        return items.count - 1
    }

    /// Adds a file descriptor; returns its number for ``isReadable(_:)``.
    @discardableResult
    public mutating func add(fileDescriptor: Int32) -> Int {
        items.append(zmq_pollitem_t(socket: nil, fd: fileDescriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        return items.count - 1
    }

    /// Whether the last ``wait(milliseconds:)`` found something to read in entry `number`.
    public func isReadable(_ number: Int) -> Bool { items[number].revents & Int16(ZMQ_POLLIN) != 0 }

    /// Includes entry `number` in the next waits, or leaves it out.
    public mutating func enable(_ number: Int, _ enabled: Bool) {
        items[number].events = enabled ? Int16(ZMQ_POLLIN) : 0
    }

    /// Sleeps until there is something to read, or for `milliseconds` (`nil`: for ever), or until a signal arrives.
    ///
    /// - Returns: whether anything is readable.
    /// - Throws: if the context was terminated.
    @discardableResult
    public mutating func wait(milliseconds: Int?) throws(ZeroMQError) -> Bool {
        for i in items.indices { items[i].revents = 0 }
        let found = zmq_poll(&items, Int32(items.count), milliseconds ?? -1)
        if found >= 0 { return found > 0 }
        if zmq_errno() == EINTR { return false }
        throw .last("wait for messages")
    }
}
