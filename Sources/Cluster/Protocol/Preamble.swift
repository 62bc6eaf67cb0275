/// The first frame of every control message: eight bytes that say what follows. This, and `Refusal`, never change.
enum Preamble {
    /// The version of everything after the preamble. Both sides must have the same.
    static let version: UInt16 = 8

    private static let magic: [UInt8] = Array("SHOAL\0".utf8)

    /// The frame for `version`.
    static func bytes(version: UInt16 = version) -> [UInt8] {
        magic + [UInt8(truncatingIfNeeded: version), UInt8(truncatingIfNeeded: version >> 8)]
    }

    /// Throws unless `frame` announces this version.
    static func check(_ frame: UnsafeRawBufferPointer) throws(ProtocolError) {
        guard frame.count == magic.count + 2, frame.prefix(magic.count).elementsEqual(magic) else {
            throw ProtocolError("no message of Shoal")
        }
        let theirs = UInt16(frame[magic.count]) | UInt16(frame[magic.count + 1]) << 8
        guard theirs == version else {
            throw ProtocolError("version \(theirs) of the protocol, this side has \(version)", otherVersion: theirs)
        }
    }
}
