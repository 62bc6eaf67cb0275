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

    /// Receives one frame; false if there is none; `zmq_errno` says why.
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

    /// What the library knows of the connection that it came over: "User-Id" (with keys, that of its owner, as the
    /// ``CurveGatekeeper`` was given it), "Peer-Address"; nil if it does not, as for the routing id of a ROUTER, which
    /// came over none.
    public func property(_ name: String) -> String? { zmq_msg_gets(message, name).map { String(cString: $0) } }

    /// The descriptor of that connection, for ``ConnectionGate/end(_:)``.
    public var connection: Int32? { property("__fd").flatMap { Int32($0) } }

    /// Calls `body` with the bytes.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(self) { try body(bytes) }
    }

    /// A copy of the bytes.
    public var array: [UInt8] { withBytes { Array($0) } }
}
