import CKernels
import CZstd

/// Floats without a loss in fewer bytes: their exponents compressed by Zstandard, the rest as it is; see
/// ``PayloadFormat``.
final class ZstdCodec: PayloadCodec {
    let format: PayloadFormat
    private let plain: any PayloadCodec
    private let compressor: OpaquePointer?
    private let decompressor: OpaquePointer?
    /// One byte per float of the longest payload.
    private let exponents: UnsafeMutablePointer<UInt8>
    private let capacity: Int

    /// A codec for payloads of up to `capacity` floats, which leaves those that do not become shorter to `plain`.
    init(_ plain: any PayloadCodec, capacity: Int) {
        self.plain = plain
        format = PayloadFormat(wire: plain.format.wire, isCompressed: true)
        self.capacity = capacity
        exponents = .allocate(capacity: max(1, capacity))
        compressor = ZSTD_createCCtx()
        decompressor = ZSTD_createDCtx()
        // Exponents have a skewed distribution and no order: it is the entropy coder that counts. Negative levels leave
        // it out for literals, higher ones search longer for matches that are not there; both compress less.
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, 1)
    }

    deinit {
        exponents.deallocate()
        ZSTD_freeCCtx(compressor)
        ZSTD_freeDCtx(decompressor)
    }

    func encode(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload {
        compress(floats) ?? plain.encode(floats)
    }

    private func compress(_ floats: UnsafeBufferPointer<Float>) -> EncodedPayload? {
        let count = floats.count
        guard let from = floats.baseAddress, count > 0, count <= capacity, let compressor else { return nil }
        let rest = format.restBytes(count)
        let bound = ZSTD_compressBound(count)
        let payload = OwnedBytes(count: 4 + bound + rest)
        // Signs and mantissas go to the end first, and move up once it is known how long the exponents became.
        let upper = payload.pointer + 4 + bound
        switch format.wire {
        case .float32:
            let lower = upper + count
            // The 16-bit part may begin at an odd address: it is written by bytes there.
            let aligned = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
            defer { aligned.deallocate() }
            shoal_split_f32(exponents, upper.assumingMemoryBound(to: UInt8.self), aligned, from, count)
            lower.copyMemory(from: aligned, byteCount: 2 * count)
        case .bf16: shoal_split_bf16(exponents, upper.assumingMemoryBound(to: UInt8.self), from, count)
        }
        let length = ZSTD_compress2(compressor, payload.pointer + 4, bound, exponents, count)
        guard ZSTD_isError(length) == 0, 4 + length + rest < format.plainBytes(count) else { return nil }
        payload.pointer.storeBytes(of: UInt32(length).littleEndian, as: UInt32.self)
        (payload.pointer + 4 + length).copyMemory(from: upper, byteCount: rest)
        payload.count = 4 + length + rest
        return EncodedPayload(payload, format)
    }

    func decode(_ payload: UnsafeRawBufferPointer, count: Int, to: UnsafeMutablePointer<Float>) -> Bool {
        guard count <= capacity, format.fits(payload.count, count: count), let base = payload.baseAddress else {
            return false
        }
        let length = Int(UInt32(littleEndian: payload.loadUnaligned(as: UInt32.self)))
        guard length == payload.count - 4 - format.restBytes(count), let decompressor,
            ZSTD_decompressDCtx(decompressor, exponents, count, base + 4, length) == count
        else { return false }
        let upper = (base + 4 + length).assumingMemoryBound(to: UInt8.self)
        switch format.wire {
        case .float32:
            withAlignedWords(base + 4 + length + count, count) { shoal_join_f32(to, exponents, upper, $0, count) }
        case .bf16: shoal_join_bf16(to, exponents, upper, count)
        }
        return true
    }
}
