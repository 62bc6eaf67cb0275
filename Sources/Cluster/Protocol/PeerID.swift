import Support

/// The routing id of a connection: how the coordinator tells workers apart.
struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// As the socket has it.
    let bytes: [UInt8]

    /// The first bytes in hexadecimal, for messages about senders that nobody knows.
    var description: String {
        Hex.encode(bytes.prefix(5))
    }
}
