import Collectives
import Foundation
import Logging

/// The ROUTER socket of a coordinator, with authentication (a CURVE allow-list, checked again for every message) and a
/// rate limit on the connections of senders that are no members.
final class ControlListener {
    /// What to do with a message.
    enum Verdict: Equatable {
        case accept
        case drop
        /// The key of the sender was revoked: reported once.
        case revoked
    }

    /// Messages per second from a sender that is no member.
    private static let perSecond = 64
    /// Malformed messages of one connection.
    private static let malformedLimit = 16
    /// Senders that are counted; messages of others are dropped until the next second.
    private static let maxCounted = 4096
    /// Seconds after which the connection of a sender whose key was revoked is closed.
    private static let revocationGrace = 2.0
    /// Seconds between refreshes of the allow-list.
    private static let refreshSeconds = 0.5

    let socket: ZeroMQSocket
    let endpoint: String
    private let context: ZeroMQContext
    private let gatekeeper: CurveGatekeeper?
    private let gate: ConnectionGate?
    private let ledger: ConnectionLedger
    private let list: AllowList?
    private let ownKey: String
    private var counts: [PeerID: Int] = [:]
    private var countsSince = -Double.infinity
    private var malformedCounts: [PeerID: Int] = [:]
    private var revoked: [PeerID: Double] = [:]
    private var nextRefresh = -Double.infinity

    /// Binds the socket; about `workers` may connect at once. Lines for people go to `logger`, from several threads.
    init(bind: String, workers: Int, keys: CoordinatorKeys?, logger: Logger) throws {
        context = try ZeroMQContext(peers: workers)
        let ledger = ConnectionLedger(logger)
        self.ledger = ledger
        let list = try keys.map { try AllowList(path: $0.allowList, logger: logger) }
        self.list = list
        ownKey = keys?.pair.publicKey.description ?? ""
        var gatekeeper: CurveGatekeeper?
        if let keys, let list {
            // The coordinator's own keys let in too: to ask for the status.
            let own = keys.pair.publicKey
            gatekeeper = try CurveGatekeeper(
                context, allows: { $0 == own || list.name($0) != nil }, admitted: { ledger.recordAuthenticated($0) }
            ) { key, address in
                let why = key.map { "the key \($0) is not in \(list.path)" } ?? "it has no key"
                ledger.logOnce(address, "refused a connection from \(address): \(why) (reported once per address)")
            }
        }
        self.gatekeeper = gatekeeper
        var options = ZeroMQSocketOptions()
        options.curve = keys.map { .server($0.pair) }
        options.linger = 1000
        // Every flow is bounded by credit, and a peer that does not read is found by its heartbeats.
        options.sendHighWaterMark = 0
        options.maxMessageBytes = Int64(
            max(ControlLimits.reportBytes, ControlLimits.payloadBytes) + ControlLimits.encryptionBytes)
        options.routerMandatory = true
        options.routerHandover = true
        options.backlog += Int32(clamping: workers)
        socket = try ZeroMQSocket(context, type: .router, options: options)
        endpoint = try socket.bind(bind)
        gate = try socket.guardConnections(.init(expected: workers), ledger: ledger)
    }

    func close() {
        socket.close()
        gatekeeper?.close()
        context.terminate()
    }

    /// What to do with the message whose last frame is `frame`.
    func verdict(on frame: ZeroMQMessage, from peer: PeerID, isMember: Bool, now: Double) -> Verdict {
        if let list {
            refreshAllowList(now)
            let key = frame.property("User-Id") ?? ""
            guard key == ownKey || list.keeps(key) else {
                guard let since = revoked[peer] else {
                    if revoked.count >= Self.maxCounted { revoked.removeAll() }
                    revoked[peer] = now
                    return .revoked
                }
                if now - since > Self.revocationGrace { end(frame) }
                return .drop
            }
        }
        guard !isMember else { return .accept }
        if now - countsSince > 1 {
            counts.removeAll(keepingCapacity: true)
            countsSince = now
        }
        guard counts[peer] != nil || counts.count < Self.maxCounted else { return .drop }
        counts[peer, default: 0] += 1
        guard counts[peer, default: 0] > Self.perSecond else { return .accept }
        let address = frame.property("Peer-Address") ?? "an unknown address"
        ledger.logOnce(address, "ended a connection from \(address): it sends too much for one that takes no part")
        end(frame)
        return .drop
    }

    /// Counts a malformed message; closes the connection after ``malformedLimit``.
    ///
    /// - Returns: a name for the sender, if something is to be written about it.
    func recordMalformed(_ frame: ZeroMQMessage, from peer: PeerID) -> String? {
        if malformedCounts.count >= Self.maxCounted { malformedCounts.removeAll() }
        malformedCounts[peer, default: 0] += 1
        if malformedCounts[peer, default: 0] > Self.malformedLimit {
            malformedCounts[peer] = nil
            end(frame)
        }
        return frame.property("Peer-Address")
    }

    private func end(_ frame: ZeroMQMessage) {
        if let connection = frame.connection { gate?.end(connection) }
    }

    private func refreshAllowList(_ now: Double) {
        guard now >= nextRefresh else { return }
        nextRefresh = now + Self.refreshSeconds
        list?.refresh()
    }
}
