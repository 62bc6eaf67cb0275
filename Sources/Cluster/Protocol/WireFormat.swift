import Foundation
import Support
import SwiftProtobuf

/// A message as frames, and the checks that both directions share.
enum WireFormat {
    /// The frames of an envelope, with the raw frame if there is one.
    static func frames(_ envelope: PBEnvelope, payload: Data?) -> [[UInt8]] {
        // Serialization only fails for messages of 2 GiB and unset required fields: proto3 has none of those.
        let bytes: [UInt8] = (try? envelope.serializedBytes()) ?? []
        return [Preamble.bytes(), bytes] + (payload.map { [[UInt8]($0)] } ?? [])
    }

    /// The envelope of frames without the routing id, of at most `limit` bytes; and the raw frame.
    ///
    /// - Parameter owner: keeps the memory of the raw frame; without one, the raw frame is copied.
    static func envelope(
        _ frames: [UnsafeRawBufferPointer], owner: (any AnyObject & Sendable)?, limit: Int
    ) throws(ProtocolError) -> (PBEnvelope, Data?) {
        guard let first = frames.first else { throw ProtocolError("no message of Shoal") }
        try Preamble.check(first)
        guard frames.count == 2 || frames.count == 3 else {
            throw ProtocolError("a message of \(frames.count) frames")
        }
        guard frames[1].count <= limit else {
            throw ProtocolError("a message of \(frames[1].count) bytes, at most \(limit) are read")
        }
        if frames.count == 3, frames[2].count > ControlLimits.payloadBytes {
            throw ProtocolError("a raw frame of \(frames[2].count) bytes")
        }
        do {
            var options = BinaryDecodingOptions()
            options.messageDepthLimit = 8
            options.discardUnknownFields = true
            let envelope = try PBEnvelope(serializedBytes: Data(frames[1]), options: options)
            try check(envelope)
            return (envelope, frames.count == 3 ? payload(frames[2], owner) : nil)
        } catch let error as ProtocolError {
            throw error
        } catch {
            throw ProtocolError("a damaged message")
        }
    }

    private static func payload(_ bytes: UnsafeRawBufferPointer, _ owner: (any AnyObject & Sendable)?) -> Data {
        guard let owner, let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return Data(bytes) }
        // A megabyte each, hundreds for a state: they are read in place.
        return Data(
            bytesNoCopy: start, count: bytes.count, deallocator: .custom { _, _ in withExtendedLifetime(owner) {} })
    }

    static func text(
        _ text: String, _ name: String, limit: Int = ControlLimits.shortText
    ) throws(ProtocolError) -> String {
        guard text.utf8.count <= limit else { throw ProtocolError("\(name) of \(text.utf8.count) bytes") }
        return text
    }

    /// Text that is shown to people: control characters could play tricks on a terminal.
    static func shownText(_ text: String, _ name: String) throws(ProtocolError) -> String {
        let text = try Self.text(text, name)
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isShown($0) ? $0 : " " }))
    }

    /// A name that lines of the log and of the status repeat: what is longer than names are is cut.
    static func name(_ text: String, _ name: String) throws(ProtocolError) -> String {
        try shownText(text, name).printable(limit: 80)
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    static func digest(_ text: String) throws(ProtocolError) -> String {
        let isHex = text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        guard text.utf8.count == 64, isHex else { throw ProtocolError("a SHA-256 that is none") }
        return text
    }

    static func part(_ part: PBPart) throws(ProtocolError) -> StatePart {
        guard let part = StatePart(rawValue: part.rawValue) else { throw ProtocolError("a part that is unknown") }
        return part
    }

    /// A chunk of floats; the payload's length is checked against the vector's by the receiver.
    static func chunk(
        _ chunk: PBChunk, _ payload: Data?
    ) throws(ProtocolError) -> (StatePart, Int, Data) {
        guard let payload, !payload.isEmpty, payload.count % 4 == 0 else {
            throw ProtocolError("a chunk without floats")
        }
        return (try part(chunk.part), Int(chunk.index), payload)
    }
}
