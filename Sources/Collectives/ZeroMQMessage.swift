import CZeroMQ

/// One received frame. Its bytes are the library's, so nothing was copied; they are freed with the object.
///
/// Never changed after it was received, and ZeroMQ lets any thread read or free it: hence `@unchecked Sendable`.
public final class ZeroMQMessage: @unchecked Sendable {
    private let message: UnsafeMutablePointer<zmq_msg_t>

    init() {
        message = .allocate(capacity: 1)
        zmq_msg_init(message)
    }

    deinit {
        zmq_msg_close(message)
        message.deallocate()
    }

    /// Receives one frame; false if there is none, with `zmq_errno` telling why.
    func receive(from socket: UnsafeMutableRawPointer, flags: Int32) -> Bool {
        zmq_msg_recv(message, socket, flags) >= 0
    }

    var hasMore: Bool { zmq_msg_more(message) != 0 }

    /// The number of bytes.
    public var count: Int { zmq_msg_size(message) }

    /// The bytes; valid only as long as the message is.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
    }

    /// Calls `body` with the bytes.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(self) { try body(bytes) }
    }

    /// A copy of the bytes.
    public var array: [UInt8] { withBytes { Array($0) } }
}
