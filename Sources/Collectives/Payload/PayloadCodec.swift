/// One way in which the floats of a segment are laid out in a message. Used by one thread.
protocol PayloadCodec {
    /// The code of this layout in a message's header.
    var format: PayloadFormat { get }

    /// The payload of floats that are rounded already, where the wire rounds. It may be in another format where that is
    /// shorter.
    func encode(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload

    /// Writes `count` floats to `to`; false, with nothing written, if the payload does not hold them. It may hold
    /// anything.
    func decode(_ payload: UnsafeRawBufferPointer, count: Int, to: UnsafeMutablePointer<Float>) -> Bool
}

/// Bytes that stand for floats in a message.
struct EncodedPayload {
    /// Valid as long as the floats and ``owner`` are.
    let bytes: UnsafeRawBufferPointer
    let format: PayloadFormat
    /// Keeps `bytes` alive; `nil` where they are those of the floats themselves.
    let owner: OwnedBytes?

    /// The bytes of `owner`.
    init(_ owner: OwnedBytes, _ format: PayloadFormat) {
        (bytes, self.format, self.owner) = (owner.bytes, format, owner)
    }

    /// The floats themselves.
    init(lending floats: UnsafeBufferPointer<Float>, _ format: PayloadFormat) {
        (bytes, self.format, owner) = (UnsafeRawBufferPointer(floats), format, nil)
    }
}

/// Memory that is written, then lent to the transport until the step is over.
final class OwnedBytes {
    let pointer: UnsafeMutableRawPointer
    /// The bytes in use.
    var count: Int

    init(count: Int) {
        pointer = .allocate(byteCount: max(1, count), alignment: 64)
        self.count = count
    }

    deinit { pointer.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }
}
