/// The routing id of a connection: how the coordinator tells workers apart.
struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// As the socket has it.
    let bytes: [UInt8]

    /// The first bytes in hexadecimal, for messages about senders that nobody knows.
    var description: String {
        bytes.prefix(5).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
