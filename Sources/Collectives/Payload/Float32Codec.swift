/// Floats as they are, little-endian: nothing is copied to be sent.
struct Float32Codec: PayloadCodec {
    let format = PayloadFormat(wire: .float32, isCompressed: false)

    func encode(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload { EncodedPayload(lending: floats, format) }

    func decode(_ payload: UnsafeRawBufferPointer, count: Int, to: UnsafeMutablePointer<Float>) -> Bool {
        guard format.fits(payload.count, count: count) else { return false }
        if let base = payload.baseAddress {
            UnsafeMutableRawPointer(to).copyMemory(from: base, byteCount: payload.count)
        }
        return true
    }
}
