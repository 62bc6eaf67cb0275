import Foundation

/// The ``Transport`` over TCP or Unix domain sockets: a ROUTER that all peers connect to, and a DEALER to each of them.
final class ZeroMQTransport: Transport {
    /// The connection that this rank has opened to a peer.
    private struct Connection {
        let dealer: ZeroMQSocket
        /// Readable when the connection has broken.
        let monitor: ZeroMQSocket
        /// Over the addresses of the peer's host.
        var rotation: AddressRotation
        /// Memory lent for this peer.
        let lent: ZeroCopyCounter
        /// The numbers of both sockets in the poller.
        let entries: (dealer: Int, monitor: Int)
    }

    /// Messages handed over before commands and the clock have their turn.
    private static let messagesPerTurn = 64

    let endpoint: String
    private let options: AllReduceOptions
    private let eventFD: EventFD
    private var context: ZeroMQContext?
    private var gatekeeper: CurveGatekeeper?
    private var gate: ConnectionGate?
    private var router: ZeroMQSocket?
    /// By rank.
    private var connections: [Connection?]
    private var poller = ZeroMQPoller()
    private var routerEntry: Int?

    /// Binds `endpoint`.
    ///
    /// - Throws: an error that names the endpoint.
    init(
        bind endpoint: String, worldSize: Int, options: AllReduceOptions, refusals: RefusalLog
    ) throws(ZeroMQError) {
        // Within a process, the library hands pointers over instead of bytes: our zero-copy rules would not hold.
        guard Self.isSupported(endpoint) else {
            throw ZeroMQError(operation: "bind to", endpoint: endpoint, code: EPROTONOSUPPORT)
        }
        self.options = options
        connections = [Connection?](repeating: nil, count: worldSize)
        eventFD = try EventFD()
        poller.add(fileDescriptor: eventFD.fileDescriptor)
        let context = try ZeroMQContext(ioThreads: options.sockets.ioThreads, peers: worldSize - 1)
        self.context = context
        let ledger = ConnectionLedger(options.logger)
        var socketOptions = ZeroMQSocketOptions()
        socketOptions.maxMessageBytes = Int64(options.largestFrameBytes + 4096)
        socketOptions.receiveHighWaterMark = options.sockets.receiveHighWaterMark
        socketOptions.routerMandatory = true
        socketOptions.backlog += Int32(clamping: worldSize)
        socketOptions.sendBufferBytes = options.sockets.bufferBytes(for: endpoint)
        socketOptions.receiveBufferBytes = options.sockets.bufferBytes(for: endpoint)
        if let security = options.security {
            socketOptions.curve = .server(security.own)
            let allowed = Set(security.ranks)
            gatekeeper = try CurveGatekeeper(
                context, allows: allowed.contains, admitted: { ledger.recordAuthenticated($0) }
            ) { _, address in
                refusals.record("refused a connection from \(address): its key is not that of a peer")
            }
        }
        let router = try ZeroMQSocket(context, type: .router, options: socketOptions)
        self.endpoint = try router.bind(endpoint)
        self.router = router
        gate = try router.guardConnections(.init(expected: worldSize), ledger: ledger)
        routerEntry = poller.add(router)
    }

    private static func isSupported(_ endpoint: String) -> Bool {
        endpoint.hasPrefix("tcp://") || endpoint.hasPrefix("ipc://")
    }

    var wake: @Sendable () -> Void { { [eventFD] in eventFD.notify() } }

    // MARK: connecting

    func connect(to peer: Int, at endpoint: String, now: Double) throws(AllReduceError) {
        let address = AllReduceError.PeerAddress(rank: peer, endpoint: endpoint)
        guard Self.isSupported(endpoint) else {
            throw .incompatiblePeer(peer: address, reason: "nothing can connect to its endpoint")
        }
        let (dealer, monitor): (ZeroMQSocket, ZeroMQSocket)
        do throws(ZeroMQError) {
            guard let context else { throw ZeroMQError(operation: "connect to", endpoint: endpoint, code: ENOTCONN) }
            dealer = try ZeroMQSocket(context, type: .dealer, options: dealerOptions(peer, endpoint))
            monitor = try dealer.disconnections(name: "\(peer)")
        } catch { throw .transport(error) }
        do throws(ZeroMQError) {
            connections[peer] = Connection(
                dealer: dealer, monitor: monitor,
                rotation: try AddressRotation(connecting: dealer, to: endpoint, now: now),
                lent: ZeroCopyCounter(drained: eventFD),
                entries: (poller.add(dealer), poller.add(monitor)))
        } catch {
            // What a peer has said of itself is its fault, not this rank's.
            throw .incompatiblePeer(peer: address, reason: "\(error)")
        }
    }

    private func dealerOptions(_ peer: Int, _ endpoint: String) -> ZeroMQSocketOptions {
        var socketOptions = ZeroMQSocketOptions()
        // What is queued is bounded by the step, and never copied: no mark, so that sends never fail half-way.
        socketOptions.sendHighWaterMark = 0
        socketOptions.receiveHighWaterMark = 16
        socketOptions.maxMessageBytes = 4096
        socketOptions.sendBufferBytes = options.sockets.bufferBytes(for: endpoint)
        socketOptions.receiveBufferBytes = options.sockets.bufferBytes(for: endpoint)
        if let security = options.security {
            socketOptions.curve = .client(security.own, server: security.ranks[peer])
        }
        return socketOptions
    }

    func retry(_ peer: Int, now: Double) throws(ZeroMQError) {
        guard let dealer = connections[peer]?.dealer else { return }
        try connections[peer]?.rotation.turn(dealer, now: now)
    }

    // MARK: sending

    func send(_ header: [UInt8], _ payload: OutgoingPayload, to peer: Int) throws(ZeroMQError) {
        guard let connection = connections[peer] else {
            throw ZeroMQError(operation: "send to", endpoint: "rank \(peer)", code: ENOTCONN)
        }
        let dealer = connection.dealer
        var isSent: Bool
        switch payload {
        case .none: isSent = try dealer.send([header], wait: false)
        case .copied(let bytes):
            isSent = try dealer.send(first: header)
            if isSent { isSent = try dealer.send(bytes, wait: false) }
        case .lent(let bytes):
            isSent = try dealer.send(first: header)
            if isSent { isSent = try dealer.send(lending: bytes, counter: connection.lent) }
        }
        // Without a high-water mark there is always room in the queue of a connected socket.
        guard isSent else { throw ZeroMQError(operation: "send to", endpoint: dealer.endpoint, code: EAGAIN) }
    }

    func answer(_ frames: [[UInt8]], to sender: [UInt8]) { _ = try? router?.send([sender] + frames, wait: false) }

    func isLending(to peer: Int) -> Bool { (connections[peer]?.lent.outstanding ?? 0) > 0 }

    // MARK: receiving

    func wait(seconds: Double?, reading: Bool) throws(ZeroMQError) {
        if let routerEntry { poller.enable(routerEntry, reading) }
        defer { eventFD.clear() }
        try poller.wait(milliseconds: seconds.map { Int(max(0, min(60, $0)) * 1000) + 1 })
    }

    func receive(while wantsMessages: () -> Bool, _ handle: (Arrival) throws -> Void) throws {
        if let routerEntry, poller.isReadable(routerEntry) {
            let limits = ZeroMQLimits(frames: 3, bytes: options.largestMessageBytes)
            for _ in 0..<Self.messagesPerTurn {
                guard wantsMessages(), let router else { break }
                do {
                    guard let frames = try router.receive(limits: limits, wait: false) else { break }
                    try handle(.message(sender: frames[0].array, frames: Array(frames.dropFirst())))
                } catch let refused as ZeroMQMessageRefused {
                    try handle(.dropped(sender: refused.firstFrame, reason: refused.description))
                }
            }
        }
        for (peer, connection) in connections.enumerated() {
            guard let connection else { continue }
            if poller.isReadable(connection.entries.dealer) {
                try receiveAnswers(from: peer, connection.dealer, handle)
            }
            if poller.isReadable(connection.entries.monitor) {
                let limits = ZeroMQLimits(frames: 2, bytes: 4096)
                while (try? connection.monitor.receive(limits: limits, wait: false)) != nil {}
                try handle(.disconnected(peer: peer))
            }
        }
    }

    private func receiveAnswers(
        from peer: Int, _ dealer: ZeroMQSocket, _ handle: (Arrival) throws -> Void
    ) throws {
        while true {
            do {
                guard let frames = try dealer.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false) else {
                    return
                }
                try handle(.answer(peer: peer, frames: frames))
            } catch let refused as ZeroMQMessageRefused {
                try handle(.droppedAnswer(peer: peer, reason: refused.description))
            }
        }
    }

    func end(_ connection: Int32) { gate?.end(connection) }

    // MARK: the end

    func close(lingering seconds: Double) {
        poller = ZeroMQPoller()
        poller.add(fileDescriptor: eventFD.fileDescriptor)
        routerEntry = nil
        for socket in [router] + connections.map({ $0?.dealer }) {
            // Fails only for a context that is gone, and then there is nothing to linger for.
            try? socket?.setLinger(Int32(seconds * 1000))
            socket?.close()
        }
        for connection in connections { connection?.monitor.close() }
        connections = connections.map { _ in nil }
        router = nil
        gatekeeper?.close()
        gatekeeper = nil
        context?.terminate()
        context = nil
    }
}
