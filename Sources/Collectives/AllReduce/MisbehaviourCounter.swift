/// Counts refused messages by sender: a peer that goes on has failed, an unauthenticated one loses its connection.
struct MisbehaviourCounter {
    /// Refused messages of one sender that are tolerated.
    static let limit = 64
    /// Lines about senders that are no peers.
    private static let maxUnknownSenderLines = limit + 1
    /// Connections that are counted at once.
    private static let maxConnections = 1024

    private var byPeer: [Int: Int] = [:]
    private var byConnection: [Int32: Int] = [:]
    private var unknownSenderLines = 0

    /// Whether one more line about a sender that is no peer is worth writing: there may be many of them.
    mutating func shouldLogUnknownSender() -> Bool {
        unknownSenderLines += 1
        return unknownSenderLines <= Self.maxUnknownSenderLines
    }

    /// Counts a refused message of a peer; returns how many those are once they are too many.
    mutating func record(peer: Int) -> Int? {
        byPeer[peer, default: 0] += 1
        guard let count = byPeer[peer], count > Self.limit else { return nil }
        return count
    }

    /// Counts a refused message of a connection of no peer; returns whether the connection is to be closed.
    mutating func record(connection: Int32) -> Bool {
        if byConnection.count >= Self.maxConnections { byConnection.removeAll() }
        byConnection[connection, default: 0] += 1
        guard byConnection[connection, default: 0] > Self.limit else { return false }
        byConnection[connection] = nil
        return true
    }
}
