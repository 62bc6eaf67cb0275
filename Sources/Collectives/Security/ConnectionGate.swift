import Foundation
import Support

/// Token bucket over inbound connections: when it is empty, a packet filter on the listening socket drops further
/// attempts, so that peers that connect without end cost little.
///
/// A connection takes a token, which is given back when its owner authenticates; tokens also come back with time. When
/// there are none left, only addresses that have authenticated before can connect; when even those use up as many
/// again, none can. Connections that exist are not affected.
public final class ConnectionGate: Sendable {
    /// What is let through.
    public struct Limits: Sendable {
        /// Connections at once that have not authenticated.
        public var burst = 128.0
        /// So many more each second.
        public var perSecond = 16.0
        /// Connections at all.
        public var open = 4096

        /// The defaults above, and room for `expected` connections that may all come at once.
        public init(expected: Int = 0) {
            burst += 2 * Double(expected)
            open += 2 * expected
        }
    }

    private let ledger: ConnectionLedger
    private let service: PolledService

    /// Starts to watch `socket`, which listens on TCP.
    ///
    /// - Parameters:
    ///   - socket: Bound already; of the calling thread.
    ///   - isSecured: Whether a finished handshake proves anything: with keys.
    ///   - ledger: Where connections are recorded and refused ones logged.
    init(
        _ socket: ZeroMQSocket, limits: Limits, isSecured: Bool, ledger: ConnectionLedger
    ) throws(ZeroMQError) {
        self.ledger = ledger
        let monitor = try socket.monitor(
            "gate-\(socket.listeners.first ?? -1)", ZeroMQMonitorEvent.connectionEvents)
        service = try PolledService(
            "shoal-gate", monitor,
            Watcher(
                limits: limits, isSecured: isSecured, endpoint: socket.endpoint, descriptors: socket.listeners,
                ledger: ledger,
                bucket: TokenBucket(size: limits.burst, perSecond: limits.perSecond, now: monotonicSeconds())))
    }

    /// Ends the watching; before the socket is closed, by its thread, after its monitoring was stopped.
    func close() { service.close() }

    /// Whether unauthenticated peers cannot connect now.
    public var isShut: Bool { ledger.isShut }

    /// The number of connections.
    public var openConnections: Int { ledger.openConnections }

    /// Ends the connection with this descriptor, if it is still one of the socket's: its sender does not speak the
    /// protocol.
    public func end(_ descriptor: Int32) { ledger.end(descriptor) }
}

/// Follows the connections of a listening socket, on the thread of its gate.
private struct Watcher: PolledHandler {
    private enum State {
        case open
        case authenticatedOnly
        case shut
    }

    let limits: ConnectionGate.Limits
    let isSecured: Bool
    let endpoint: String
    /// The sockets that listen: one for each address.
    let descriptors: [Int32]
    let ledger: ConnectionLedger
    var bucket: TokenBucket
    private var state = State.open
    /// Why the connection that ends next has failed.
    private var failure: ZeroMQMonitorEvent?

    init(
        limits: ConnectionGate.Limits, isSecured: Bool, endpoint: String, descriptors: [Int32],
        ledger: ConnectionLedger, bucket: TokenBucket
    ) {
        self.limits = limits
        self.isSecured = isSecured
        self.endpoint = endpoint
        self.descriptors = descriptors
        self.ledger = ledger
        self.bucket = bucket
    }

    mutating func turn(_ monitor: ZeroMQSocket, isReadable: Bool) -> Int? {
        if isReadable {
            // A bounded number: the filter should not come late.
            for _ in 0..<32 {
                guard let frames = try? monitor.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false)
                else { break }
                handle(frames[0].withBytes(ZeroMQMonitorEvent.init(frame:)))
            }
        }
        bucket.refill(monotonicSeconds())
        update()
        return state == .open ? nil : 100
    }

    private mutating func handle(_ event: ZeroMQMonitorEvent) {
        switch event {
        case .accepted(let descriptor):
            bucket.take()
            ledger.recordAccepted(descriptor)
        case .handshakeSucceeded: if isSecured { bucket.giveBack() }
        case .disconnected(let descriptor):
            let peer = ledger.recordClosed(descriptor)
            // The event before was about the same connection.
            if let failure { logRefusal(failure, peer) }
            failure = nil
        case .mechanismMismatch, .handshakeBroken, .handshakeCut: failure = event
        // The gatekeeper reports those, with their keys.
        case .denied, .other: break
        case .acceptFailed(let code):
            ledger.logOnce("", "a connection to \(endpoint) could not be taken: \(String(cString: strerror(code)))")
        }
    }

    private func logRefusal(_ failure: ZeroMQMonitorEvent, _ peer: SocketAddress?) {
        let address = peer?.description ?? "an unknown address"
        let why =
            switch failure {
            case .mechanismMismatch:
                isSecured ? "it has no keys; start workers with --keys" : "it has keys, and this side none"
            case .handshakeCut: "it ended, or took too long, before it had proved who it is"
            default: "it sent something else than a handshake"
            }
        ledger.logOnce(
            address, "refused a connection from \(address) to \(endpoint): \(why) (reported once per address)")
    }

    private mutating func update() {
        let live = ledger.openConnections
        let new: State
        if live >= limits.open || bucket.tokens < -limits.burst {
            new = .shut
        } else if bucket.tokens < 1 || state != .open && bucket.tokens < limits.burst / 4 {
            new = .authenticatedOnly
        } else {
            new = .open
        }
        guard new != state else { return }
        if state == .open {
            ledger.logOnce(
                "flood",
                "too many connections to \(endpoint) that do not prove who they are, or at all (\(live) are open): "
                    + "more are taken only by and by, and those of workers that are known")
        }
        state = new
        switch new {
        case .open: for descriptor in descriptors { PacketFilter.detach(from: descriptor) }
        case .authenticatedOnly: attachFilter(ledger.authenticated)
        case .shut: attachFilter([])
        }
        // Only when the filter is there is it so.
        ledger.isShut = new != .open
    }

    private func attachFilter(_ addresses: [[UInt8]]) {
        let filter = PacketFilter(lettingPass: addresses)
        // All of them, whatever becomes of one.
        guard descriptors.map({ filter.attach(to: $0) }).contains(false) else { return }
        ledger.logOnce(
            "filter", "this system cannot drop connections to \(endpoint): \(String(cString: strerror(errno)))")
    }
}
