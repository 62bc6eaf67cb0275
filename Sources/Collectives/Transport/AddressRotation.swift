/// Connects a socket to a host that may have several addresses (`localhost` is 127.0.0.1 and ::1): to one after the
/// other, until one answers.
public struct AddressRotation: Sendable {
    /// Seconds that an address has to answer; twice as many each time round, up to the longest.
    static let (shortest, longest) = (0.5, 8.0)

    private let endpoint: String
    private let resolve: @Sendable (String) -> [SocketAddress]
    private var candidates: [SocketAddress] = []
    private var current = ""
    private var index = 0
    private var answerSeconds = Self.shortest
    private var nextTurn: Double
    private var isConnected = false

    /// Connects `socket` to the first address of `endpoint`'s host, in the background.
    ///
    /// A host with one address, and one that is not known (yet), is left to the library, which looks the name up again
    /// for each attempt.
    ///
    /// - Throws: if the endpoint is malformed.
    public init(connecting socket: ZeroMQSocket, to endpoint: String, now: Double) throws(ZeroMQError) {
        try self.init(connecting: socket, to: endpoint, now: now) { SocketAddress.toConnect($0) }
    }

    init(
        connecting socket: ZeroMQSocket, to endpoint: String, now: Double,
        resolve: @escaping @Sendable (String) -> [SocketAddress]
    ) throws(ZeroMQError) {
        self.endpoint = endpoint
        self.resolve = resolve
        nextTurn = now + Self.shortest
        guard let tcp = TCPEndpoint(endpoint) else {
            try socket.connect(endpoint)
            return
        }
        candidates = resolve(tcp.host)
        let first = candidates.first
        if candidates.count > 1, let first {
            try connect(socket, first)
        } else {
            current = endpoint
            try socket.setIPv6(first.map { !$0.isIPv4 } ?? tcp.host.hasPrefix("["))
            try socket.connect(endpoint)
        }
    }

    /// What has happened to the connection.
    public mutating func handle(_ event: ZeroMQMonitorEvent, now: Double) {
        switch event {
        case .handshakeSucceeded: (isConnected, answerSeconds) = (true, Self.shortest)
        case .disconnected where isConnected: (isConnected, nextTurn) = (false, now + answerSeconds)
        default: break
        }
    }

    /// Tries the next address, if there is one and the one before had its time. To be called now and then while there
    /// is no connection.
    ///
    /// - Returns: whether it was tried: what was sent before is lost then.
    @discardableResult
    public mutating func turn(_ socket: ZeroMQSocket, now: Double) throws(ZeroMQError) -> Bool {
        guard !isConnected, now >= nextTurn, let host = TCPEndpoint(endpoint)?.host, !candidates.isEmpty else {
            return false
        }
        index += 1
        if index >= candidates.count {
            // The host may have moved.
            if candidates.count > 1, case let found = resolve(host), !found.isEmpty { candidates = found }
            index = 0
            answerSeconds = min(Self.longest, 2 * answerSeconds)
        }
        nextTurn = now + answerSeconds
        let next = numeric(candidates[index])
        guard candidates.count > 1, next != current else { return false }
        socket.disconnect(numeric: current)
        try connect(socket, candidates[index])
        return true
    }

    private mutating func connect(_ socket: ZeroMQSocket, _ address: SocketAddress) throws(ZeroMQError) {
        current = numeric(address)
        try socket.connect(numeric: current, isIPv6: !address.isIPv4)
        socket.name(endpoint)
    }

    private func numeric(_ address: SocketAddress) -> String {
        "tcp://\(address):\(TCPEndpoint(endpoint)?.ports.lowerBound ?? 0)"
    }
}
