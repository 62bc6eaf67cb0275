import Support

/// The routing id of a connection: how the coordinator distinguishes workers.
struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// As the socket has it.
    let bytes: [UInt8]

    /// The first bytes in hexadecimal, for messages about unknown senders.
    var description: String {
        Hex.encode(bytes.prefix(5))
    }
}
