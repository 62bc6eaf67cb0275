import Foundation
import Logging
import Synchronization

/// Which connections a listening socket has, which addresses have authenticated, and which were logged. For any thread.
public final class ConnectionLedger: Sendable {
    private struct State {
        var authenticated: [[UInt8]] = []
        var live: [Int32: SocketAddress] = [:]
        var logged: Set<String> = []
        var isShut = false
    }

    /// Addresses that lines are written about.
    private static let maxLogged = 16

    private let state = Mutex(State())
    private let logger: Logger

    /// An empty ledger; lines for people go to `logger`.
    public init(_ logger: Logger) { self.logger = logger }

    // MARK: addresses

    /// A peer at `address` (in digits) has authenticated: it may connect again whatever others do.
    public func recordAuthenticated(_ address: String) {
        let host = address.contains(":") && !address.hasPrefix("[") ? "[\(address)]" : address
        guard let bytes = SocketAddress.resolve(host).first?.addressBytes else { return }
        state.withLock {
            if !$0.authenticated.contains(bytes), $0.authenticated.count < PacketFilter.maxAddresses {
                $0.authenticated.append(bytes)
            }
        }
    }

    /// The addresses that have authenticated.
    var authenticated: [[UInt8]] { state.withLock { $0.authenticated } }

    /// Logs `line` about `address` if it is the first, unless there were many addresses.
    public func logOnce(_ address: String, _ line: String) {
        let (isNew, isLast) = state.withLock {
            let isNew = $0.logged.count < Self.maxLogged && $0.logged.insert(address).inserted
            return (isNew, isNew && $0.logged.count == Self.maxLogged)
        }
        if isNew { logger.notice("\(line)") }
        if isLast { logger.notice("no more refused connections are reported") }
    }

    // MARK: connections

    /// The number of connections.
    var openConnections: Int { state.withLock { $0.live.count } }

    /// Whether unauthenticated peers cannot connect now.
    var isShut: Bool {
        get { state.withLock { $0.isShut } }
        set { state.withLock { $0.isShut = newValue } }
    }

    /// A connection was accepted.
    func recordAccepted(_ descriptor: Int32) {
        let peer = SocketAddress.peer(of: descriptor)
        state.withLock { $0.live[descriptor] = peer }
    }

    /// A connection has ended; where it came from.
    func recordClosed(_ descriptor: Int32) -> SocketAddress? {
        state.withLock { $0.live.removeValue(forKey: descriptor) }
    }

    /// Ends the connection with this descriptor, if it is still one of the socket's.
    func end(_ descriptor: Int32) {
        state.withLock {
            // The number may belong to another connection, or a file, by now.
            guard let peer = $0.live[descriptor], SocketAddress.peer(of: descriptor) == peer else { return }
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }
}
