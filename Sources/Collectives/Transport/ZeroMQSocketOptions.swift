import CZeroMQ

/// The kinds of sockets that Shoal uses.
public enum ZeroMQSocketType: Sendable {
    /// Talks to many peers; every message starts with the routing id of the peer.
    case router
    /// Talks to one peer (or several, in turn), asynchronously.
    case dealer
    /// Exactly one peer, within a process.
    case pair
    /// Answers one request after the other.
    case reply

    var code: Int32 {
        switch self {
        case .router: ZMQ_ROUTER
        case .dealer: ZMQ_DEALER
        case .pair: ZMQ_PAIR
        case .reply: ZMQ_REP
        }
    }
}

/// Options of a socket, set before it is bound or connected. Times are in milliseconds, -1 is "no limit".
public struct ZeroMQSocketOptions: Sendable {
    /// How long closing waits for unsent messages. 0 drops them; -1 waits for ever (then a dead peer blocks the exit).
    public var linger: Int32 = 0
    /// Messages queued for one peer before sends block or fail; 0 is "no limit".
    public var sendHighWaterMark: Int32 = 1000
    /// Messages queued from one peer before its connection is left unread; 0 is "no limit".
    public var receiveHighWaterMark: Int32 = 1000
    /// Bytes of the largest frame accepted; a peer that announces more is disconnected before anything is allocated.
    public var maxMessageBytes: Int64 = 1 << 20
    /// How long a blocking send waits before it gives up.
    public var sendTimeout: Int32 = -1
    /// How long a blocking receive waits before it gives up.
    public var receiveTimeout: Int32 = -1
    /// ROUTER: sending to an unknown peer is an error rather than silently dropped.
    public var routerMandatory = false
    /// ROUTER: a peer that connects with the routing id of another takes its place (a worker that reconnects).
    public var routerHandover = false
    /// Queue messages only for connections that are up; else sends to a peer not there yet are queued.
    public var immediate = false
    /// TCP over IPv6 as well as IPv4.
    public var ipv6 = false
    /// Time between heartbeats on a connection; 0 is none. They find hosts that vanished without closing.
    public var heartbeatInterval: Int32 = 0
    /// How long to wait for an answer to a heartbeat before the connection counts as dead; -1 is the interval.
    public var heartbeatTimeout: Int32 = -1
    /// How long the peer shall wait for heartbeats of ours before it drops the connection; 0 is none.
    public var heartbeatTimeToLive: Int32 = 0
    /// How long an attempt to connect over TCP may take; 0 is the system's limit (minutes).
    public var connectTimeout: Int32 = 0
    /// Time between attempts to connect.
    public var reconnectInterval: Int32 = 100
    /// The id under which a ROUTER knows this socket: 1 to 255 bytes, the first not zero; `nil`: made up by the ROUTER.
    public var routingID: [UInt8]?
    /// Bytes of the kernel's send buffer; -1 is the system's default.
    public var sendBufferBytes: Int32 = -1
    /// Bytes of the kernel's receive buffer; -1 is the system's default.
    public var receiveBufferBytes: Int32 = -1
    /// Connections that may wait to be accepted.
    public var backlog: Int32 = 128
    /// Encrypts, and wants proof of who the peers are; nil: neither.
    public var curve: CurveRole?
    /// How long a new connection may take for its handshake.
    public var handshakeTimeout: Int32 = 5_000

    /// The defaults above.
    public init() {}
}
