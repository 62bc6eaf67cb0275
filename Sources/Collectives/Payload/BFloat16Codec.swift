import CKernels

/// The upper halves of floats, which are bfloat16 numbers already: half the bytes.
struct BFloat16Codec: PayloadCodec {
    let format = PayloadFormat(wire: .bf16, isCompressed: false)

    func encode(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload {
        let payload = OwnedBytes(count: format.plainBytes(floats.count))
        if let from = floats.baseAddress {
            shoal_bf16_from_f32(payload.pointer.assumingMemoryBound(to: UInt16.self), from, floats.count)
        }
        return EncodedPayload(payload, format)
    }

    func decode(_ payload: UnsafeRawBufferPointer, count: Int, to: UnsafeMutablePointer<Float>) -> Bool {
        guard format.fits(payload.count, count: count) else { return false }
        if let base = payload.baseAddress {
            withAlignedWords(base, count) { shoal_f32_from_bf16(to, $0, count) }
        }
        return true
    }
}

/// Calls `body` with `count` 16-bit words that may stand at any address.
func withAlignedWords(_ base: UnsafeRawPointer, _ count: Int, _ body: (UnsafePointer<UInt16>) -> Void) {
    if Int(bitPattern: base) % 2 == 0 { return body(base.assumingMemoryBound(to: UInt16.self)) }
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: count) { words in
        guard let to = words.baseAddress else { return }
        UnsafeMutableRawPointer(to).copyMemory(from: base, byteCount: 2 * count)
        body(to)
    }
}
