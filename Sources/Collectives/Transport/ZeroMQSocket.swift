import CZeroMQ
import Foundation

/// Limits of one received message of several frames.
public struct ZeroMQLimits: Sendable {
    /// The most frames, the routing id of a ROUTER included.
    public var frames: Int
    /// The most bytes of all frames together.
    public var bytes: Int

    /// At most `frames` frames with `bytes` bytes together.
    public init(frames: Int, bytes: Int) {
        self.frames = frames
        self.bytes = bytes
    }
}

/// A message that was read whole and thrown away because it was over the limits.
public struct ZeroMQMessageRefused: Error, Sendable, CustomStringConvertible {
    /// The first frame: on a ROUTER, the routing id of the peer that sent it.
    public let firstFrame: [UInt8]
    /// The number of its frames.
    public let frames: Int
    /// The number of its bytes.
    public let bytes: Int

    /// One line, for the log.
    public var description: String { "refused a message of \(frames) frames and \(bytes) bytes: over the limits" }
}

/// A ZeroMQ socket. Used by one thread at a time; closed when it is released.
public final class ZeroMQSocket {
    let handle: UnsafeMutableRawPointer
    private let context: ZeroMQContext
    private var isClosed = false
    /// The descriptors that it listens on over TCP, which are the library's to close.
    private(set) var listeners: [Int32] = []
    private var gate: ConnectionGate?
    private let options: ZeroMQSocketOptions
    /// The endpoint bound or connected to last, for messages; empty before.
    public private(set) var endpoint = ""

    /// A socket of `type` in `context`.
    ///
    /// - Throws: if the process is out of sockets, or an option has a value that the library refuses.
    public init(
        _ context: ZeroMQContext, type: ZeroMQSocketType, options: ZeroMQSocketOptions = .init()
    ) throws(ZeroMQError) {
        handle = try context.makeSocket(type.code)
        self.context = context
        self.options = options
        try apply(options, type: type)
    }

    deinit { close() }

    /// Closes it; unsent messages get the linger time. Nothing else may be called after that.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        if let gate {
            // In this order: the library would wait for a monitor that is not read any more.
            zmq_socket_monitor(handle, nil, 0)
            gate.close()
        }
        zmq_close(handle)
    }

    /// Sets how long closing waits for unsent messages, in milliseconds; see ``ZeroMQSocketOptions/linger``.
    public func setLinger(_ milliseconds: Int32) throws(ZeroMQError) {
        try set(ZMQ_LINGER, milliseconds, "linger")
    }

    private func set<T: FixedWidthInteger>(_ option: Int32, _ value: T, _ name: String) throws(ZeroMQError) {
        var value = value
        guard zmq_setsockopt(handle, option, &value, MemoryLayout<T>.size) == 0 else {
            throw .last("set the socket option \(name) to \(value)")
        }
    }

    private func apply(_ options: ZeroMQSocketOptions, type: ZeroMQSocketType) throws(ZeroMQError) {
        try set(ZMQ_LINGER, options.linger, "linger")
        try set(ZMQ_SNDHWM, options.sendHighWaterMark, "send high-water mark")
        try set(ZMQ_RCVHWM, options.receiveHighWaterMark, "receive high-water mark")
        try set(ZMQ_MAXMSGSIZE, options.maxMessageBytes, "largest message")
        try set(ZMQ_SNDTIMEO, options.sendTimeout, "send time-out")
        try set(ZMQ_RCVTIMEO, options.receiveTimeout, "receive time-out")
        try set(ZMQ_IMMEDIATE, Int32(options.immediate ? 1 : 0), "immediate")
        try set(ZMQ_IPV6, Int32(options.ipv6 ? 1 : 0), "IPv6")
        try set(ZMQ_HEARTBEAT_IVL, options.heartbeatInterval, "heartbeat interval")
        if options.heartbeatTimeout >= 0 {
            try set(ZMQ_HEARTBEAT_TIMEOUT, options.heartbeatTimeout, "heartbeat time-out")
        }
        try set(ZMQ_HEARTBEAT_TTL, options.heartbeatTimeToLive, "heartbeat time to live")
        try set(ZMQ_CONNECT_TIMEOUT, options.connectTimeout, "connect time-out")
        try set(ZMQ_RECONNECT_IVL, options.reconnectInterval, "reconnect interval")
        try set(ZMQ_SNDBUF, options.sendBufferBytes, "send buffer")
        try set(ZMQ_RCVBUF, options.receiveBufferBytes, "receive buffer")
        try set(ZMQ_BACKLOG, options.backlog, "backlog")
        if type == .router {
            try set(ZMQ_ROUTER_MANDATORY, Int32(options.routerMandatory ? 1 : 0), "mandatory routing")
            try set(ZMQ_ROUTER_HANDOVER, Int32(options.routerHandover ? 1 : 0), "handover")
        }
        try set(ZMQ_HANDSHAKE_IVL, options.handshakeTimeout, "handshake time-out")
        if let role = options.curve { try apply(role) }
        if let id = options.routingID {
            guard zmq_setsockopt(handle, ZMQ_ROUTING_ID, id, id.count) == 0 else { throw .last("set the routing id") }
        }
    }

    private func apply(_ role: CurveRole) throws(ZeroMQError) {
        let pair: CurveKeyPair
        switch role {
        case .server(let own):
            pair = own
            try set(ZMQ_CURVE_SERVER, Int32(1), "CURVE server")
            // With a domain, the context's gatekeeper is asked. It must live as long as the socket does: without one
            // the library accepts every key.
            try set(ZMQ_ZAP_DOMAIN, Array("shoal".utf8), "ZAP domain")
        case .client(let own, let server):
            pair = own
            try set(ZMQ_CURVE_SERVERKEY, server.bytes, "CURVE server key")
            try set(ZMQ_CURVE_PUBLICKEY, own.publicKey.bytes, "CURVE public key")
        }
        try set(ZMQ_CURVE_SECRETKEY, pair.secretBytes, "CURVE secret key")
    }

    private func set(_ option: Int32, _ bytes: [UInt8], _ name: String) throws(ZeroMQError) {
        guard zmq_setsockopt(handle, option, bytes, bytes.count) == 0 else { throw .last("set the \(name)") }
    }

    /// Binds to `endpoint`: a path ("ipc:///run/x/0"), or "tcp://HOST:PORT", where HOST is an address, a name, an
    /// interface or `*`, and PORT a number, `*` for any free port, or a range ("5600-5699") of which the first free one
    /// is taken.
    ///
    /// - Returns: the endpoint as bound, the port filled in.
    /// - Throws: if the address is in use, unknown here or malformed; the error names it.
    @discardableResult
    public func bind(_ endpoint: String) throws(ZeroMQError) -> String {
        if endpoint.hasPrefix("tcp://") {
            var made = try TCPListener.make(
                endpoint, backlog: options.backlog, sendBufferBytes: options.sendBufferBytes,
                receiveBufferBytes: options.receiveBufferBytes)[...]
            let isOne = made.count == 1
            while let listener = made.first {
                do throws(ZeroMQError) {
                    try set(ZMQ_USE_FD, listener, "listening socket")
                    // The address is that of the descriptor.
                    guard zmq_bind(handle, "tcp://127.0.0.1:1") == 0 else {
                        throw ZeroMQError.last("bind to", endpoint)
                    }
                } catch {
                    for listener in made { Glibc.close(listener) }
                    throw error
                }
                listeners.append(listener)
                made.removeFirst()
            }
            if !isOne, let port = listeners.first.flatMap({ SocketAddress.own(of: $0)?.port }),
                let host = TCPEndpoint(endpoint)?.host
            {
                // Of several addresses, the name says more than one of them.
                self.endpoint = "tcp://\(host):\(port)"
                return self.endpoint
            }
        } else {
            guard zmq_bind(handle, endpoint) == 0 else { throw .last("bind to", endpoint) }
        }
        var buffer = [UInt8](repeating: 0, count: 1024)
        var length = buffer.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &buffer, &length) == 0 else {
            throw .last("find the port of", endpoint)
        }
        self.endpoint = String(decoding: buffer.prefix(length).prefix { $0 != 0 }, as: UTF8.self)
        return self.endpoint
    }

    /// Bounds what unauthenticated peers cost that connect again and again; nil where only this user can (`ipc://`).
    ///
    /// - Parameter ledger: Where connections that were not taken are logged, once per address, on a thread of its own.
    public func guardConnections(
        _ limits: ConnectionGate.Limits = .init(), ledger: ConnectionLedger
    ) throws(ZeroMQError) -> ConnectionGate? {
        guard !listeners.isEmpty else { return nil }
        var isSecured = false
        if case .server = options.curve { isSecured = true }
        let gate = try ConnectionGate(self, limits: limits, isSecured: isSecured, ledger: ledger)
        self.gate = gate
        return gate
    }

    /// Connects to `endpoint`, in the background: success says only that the endpoint is well-formed.
    ///
    /// - Throws: if it is malformed.
    public func connect(_ endpoint: String) throws(ZeroMQError) {
        guard zmq_connect(handle, endpoint) == 0 else { throw .last("connect to", endpoint) }
        self.endpoint = endpoint
    }

    /// Connects to an address in digits, as ``connect(_:)`` does.
    func connect(numeric endpoint: String, isIPv6: Bool) throws(ZeroMQError) {
        try setIPv6(isIPv6)
        guard zmq_connect(handle, endpoint) == 0 else { throw .last("connect to", endpoint) }
    }

    func setIPv6(_ on: Bool) throws(ZeroMQError) { try set(ZMQ_IPV6, Int32(on ? 1 : 0), "IPv6") }

    /// What messages call the other side.
    func name(_ endpoint: String) { self.endpoint = endpoint }

    /// Ends what ``connect(numeric:isIPv6:)`` began; what waits to be sent there is lost.
    func disconnect(numeric endpoint: String) { zmq_disconnect(handle, endpoint) }

    /// A socket that becomes readable whenever a connection of this one breaks. Its messages say no more than that.
    ///
    /// - Parameter name: unique among the context's monitors.
    public func disconnections(name: String) throws(ZeroMQError) -> ZeroMQSocket {
        try monitor(name, ZMQ_EVENT_DISCONNECTED)
    }

    /// A socket that reports handshakes; see ``ZeroMQMonitorEvent``.
    public func handshakes(name: String) throws(ZeroMQError) -> ZeroMQSocket {
        try monitor(name, ZeroMQMonitorEvent.connectionEvents)
    }

    /// A socket that reports `events`, whose messages are read by ``ZeroMQMonitorEvent``.
    func monitor(_ name: String, _ events: Int32) throws(ZeroMQError) -> ZeroMQSocket {
        let address = "inproc://monitor-\(name)"
        guard zmq_socket_monitor(handle, address, events) == 0 else {
            throw .last("watch the connections of", endpoint)
        }
        let monitor = try ZeroMQSocket(context, type: .pair)
        try monitor.connect(address)
        return monitor
    }

    /// Sends one frame, copied.
    ///
    /// - Parameters:
    ///   - more: whether more frames of the same message follow.
    ///   - wait: whether to wait (up to the send time-out) when the peer's queue is full.
    /// - Returns: false if it would block or took longer than the time-out. Only a first frame can.
    /// - Throws: if the peer is unknown (ROUTER with `routerMandatory`) or the context was terminated.
    @discardableResult
    public func send(
        _ frame: UnsafeRawBufferPointer, more: Bool = false, wait: Bool = true
    ) throws(ZeroMQError) -> Bool {
        let flags = (more ? ZMQ_SNDMORE : 0) | (wait ? 0 : ZMQ_DONTWAIT)
        while true {
            if zmq_send(handle, frame.baseAddress, frame.count, flags) >= 0 { return true }
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return false
            default: throw .last("send to", endpoint)
            }
        }
    }

    /// Sends a message of several frames, copied; with a ROUTER, the first is the routing id of the peer.
    ///
    /// - Returns: false if it would block or took longer than the time-out: then nothing was sent.
    /// - Throws: as ``send(_:more:wait:)``.
    @discardableResult
    public func send(_ frames: [[UInt8]], wait: Bool = true) throws(ZeroMQError) -> Bool {
        for (i, frame) in frames.enumerated() {
            var failure: ZeroMQError?
            let sent = frame.withUnsafeBytes { bytes in
                do throws(ZeroMQError) {
                    return try send(bytes, more: i + 1 < frames.count, wait: wait)
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw failure }
            if !sent { return false }
        }
        return true
    }

    /// Sends the first frame of a message of several, copied; false if it would block.
    func send(first frame: [UInt8]) throws(ZeroMQError) -> Bool {
        var outcome: Result<Bool, ZeroMQError> = .success(false)
        frame.withUnsafeBytes { bytes in
            outcome = Result { () throws(ZeroMQError) in try send(bytes, more: true, wait: false) }
        }
        return try outcome.get()
    }

    /// Sends one frame without copying it: `frame` is lent to the library until `counter` says that it was given back.
    ///
    /// - Returns: false if it would block (then the memory is given back at once).
    /// - Throws: as ``send(_:more:wait:)``; the memory is given back then, too.
    @discardableResult
    public func send(
        lending frame: UnsafeRawBufferPointer, more: Bool = false, counter: ZeroCopyCounter
    ) throws(ZeroMQError) -> Bool {
        guard let base = frame.baseAddress, !frame.isEmpty else { return try send(frame, more: more, wait: false) }
        var message = zmq_msg_t()
        let hint = counter.lend()
        let data = UnsafeMutableRawPointer(mutating: base)
        guard zmq_msg_init_data(&message, data, frame.count, ZeroCopyCounter.release, hint) == 0 else {
            let error = ZeroMQError.last("send to", endpoint)
            ZeroCopyCounter.release(data, hint)
            throw error
        }
        let flags = (more ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT
        while zmq_msg_send(&message, handle, flags) < 0 {
            let code = zmq_errno()
            if code == EINTR { continue }
            zmq_msg_close(&message)
            if code == EAGAIN { return false }
            throw ZeroMQError(operation: "send to", endpoint: endpoint, code: code)
        }
        return true
    }

    /// Receives one whole message.
    ///
    /// - Parameters:
    ///   - limits: what is over them is read, dropped and reported as ``ZeroMQMessageRefused``.
    ///   - wait: whether to wait (up to the receive time-out) for one.
    /// - Returns: its frames (with a ROUTER, the first is the routing id of the peer), or `nil` if there is none.
    /// - Throws: ``ZeroMQMessageRefused``, or ``ZeroMQError`` if the context was terminated.
    public func receive(limits: ZeroMQLimits, wait: Bool = true) throws -> [ZeroMQMessage]? {
        var frames: [ZeroMQMessage] = []
        var count = 0
        var bytes = 0
        while true {
            let frame = ZeroMQMessage()
            // The frames of a message arrive together: only the first can be missing.
            guard frame.receive(from: handle, flags: wait || count > 0 ? 0 : ZMQ_DONTWAIT) else {
                let code = zmq_errno()
                if code == EINTR { continue }
                if code == EAGAIN { return nil }
                throw ZeroMQError(operation: "receive from", endpoint: endpoint, code: code)
            }
            let more = frame.hasMore
            count += 1
            bytes += frame.count
            if count == 1 || (count <= limits.frames && bytes <= limits.bytes) { frames.append(frame) }
            if !more { break }
        }
        guard count <= limits.frames, bytes <= limits.bytes else {
            throw ZeroMQMessageRefused(firstFrame: Array(frames[0].bytes.prefix(255)), frames: count, bytes: bytes)
        }
        return frames
    }
}
