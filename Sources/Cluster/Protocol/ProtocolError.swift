/// What is wrong with a control message.
struct ProtocolError: Error, Equatable, CustomStringConvertible {
    /// One line, without the sender.
    let description: String
    /// The sender speaks another version of the protocol: this one.
    var otherVersion: UInt16?

    init(_ description: String, otherVersion: UInt16? = nil) {
        self.description = description
        self.otherVersion = otherVersion
    }
}
