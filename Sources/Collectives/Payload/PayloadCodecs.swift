/// The codecs of a wire: what is sent is encoded by one of them, what is received decoded by the one that it names.
///
/// Used by one thread.
final class PayloadCodecs {
    private let plain: any PayloadCodec
    private let compressed: ZstdCodec
    private let compresses: Bool

    /// Codecs for payloads of up to `capacity` floats. What is received may be compressed in any case.
    init(wire: WirePrecision, compresses: Bool, capacity: Int) {
        self.compresses = compresses
        plain = wire == .float32 ? Float32Codec() : BFloat16Codec()
        compressed = ZstdCodec(plain, capacity: capacity)
    }

    /// The payload of floats that are rounded already, where the wire rounds.
    func encode(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload {
        compresses ? compressed.encode(floats) : plain.encode(floats)
    }

    /// Writes `count` floats to `to`; false, with nothing written, if `payload`, which may hold anything, is not what
    /// `format` says.
    func decode(
        _ payload: UnsafeRawBufferPointer, _ format: PayloadFormat, count: Int, to: UnsafeMutablePointer<Float>
    ) -> Bool {
        guard format.wire == plain.format.wire else { return false }
        return format.isCompressed
            ? compressed.decode(payload, count: count, to: to) : plain.decode(payload, count: count, to: to)
    }
}
