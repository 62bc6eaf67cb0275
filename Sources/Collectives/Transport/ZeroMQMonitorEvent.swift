import CZeroMQ

/// What happened to a connection of a socket that is monitored.
public enum ZeroMQMonitorEvent: Sendable, Equatable {
    /// The connection with this descriptor was taken.
    case accepted(Int32)
    /// None could be taken, with this `errno`.
    case acceptFailed(Int32)
    case handshakeSucceeded
    /// The other side has keys and this one none, or the other way round; or it is no ZeroMQ of this kind at all.
    case mechanismMismatch
    /// The other side sent what does not belong in a handshake.
    case handshakeBroken
    /// The other side does not let this one's key in.
    case denied
    /// The connection ended before the handshake did.
    case handshakeCut
    /// The connection that had this descriptor is gone.
    case disconnected(Int32)
    case other

    static let connectionEvents =
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
        | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
        | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

    /// The event in the first frame of a monitor's message: number and value, in the machine's order.
    public init(frame: UnsafeRawBufferPointer) {
        guard frame.count >= 6 else {
            self = .other
            return
        }
        let value = frame.loadUnaligned(fromByteOffset: 2, as: Int32.self)
        switch Int32(frame.loadUnaligned(as: UInt16.self)) {
        case ZMQ_EVENT_ACCEPTED: self = .accepted(value)
        case ZMQ_EVENT_ACCEPT_FAILED: self = .acceptFailed(value)
        case ZMQ_EVENT_DISCONNECTED: self = .disconnected(value)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: self = .handshakeSucceeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self = value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? .mechanismMismatch : .handshakeBroken
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: self = .denied
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: self = .handshakeCut
        default: self = .other
        }
    }
}
