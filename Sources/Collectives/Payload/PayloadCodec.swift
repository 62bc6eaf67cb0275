import CKernels
import CZstd
import Numerics

/// Turns floats into payloads and back. Used by one thread.
final class PayloadCodec {
    /// In what floats are sent.
    let wire: WirePrecision
    private let compresses: Bool
    private let compressor: OpaquePointer?
    private let decompressor: OpaquePointer?
    /// One byte a float of the longest payload.
    private let exponents: UnsafeMutablePointer<UInt8>
    private let capacity: Int

    /// A codec for payloads of up to `capacity` floats.
    init(wire: WirePrecision, compresses: Bool, capacity: Int) {
        self.wire = wire
        self.compresses = compresses
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

    /// Whether floats can be lent to the library as they are.
    var sendsFloatsAsTheyAre: Bool { wire == .float32 && !compresses }

    /// The payload of floats that are rounded already, where the wire rounds.
    func encode(_ floats: UnsafeBufferPointer<Float>) -> (payload: OwnedBytes, format: PayloadFormat) {
        if compresses, let compressed = compress(floats) {
            return (compressed, PayloadFormat(wire: wire, isCompressed: true))
        }
        let format = PayloadFormat(wire: wire, isCompressed: false)
        let payload = OwnedBytes(count: format.plainBytes(floats.count))
        if let from = floats.baseAddress {
            switch wire {
            case .float32: payload.pointer.copyMemory(from: from, byteCount: payload.count)
            case .bf16:
                shoal_bf16_from_f32(payload.pointer.assumingMemoryBound(to: UInt16.self), from, floats.count)
            }
        }
        return (payload, format)
    }

    /// nil where that is no shorter.
    private func compress(_ floats: UnsafeBufferPointer<Float>) -> OwnedBytes? {
        let count = floats.count
        guard let from = floats.baseAddress, count > 0, count <= capacity, let compressor else { return nil }
        let format = PayloadFormat(wire: wire, isCompressed: true)
        let rest = format.restBytes(count)
        let bound = ZSTD_compressBound(count)
        let payload = OwnedBytes(count: 4 + bound + rest)
        // Signs and mantissas go to the end first, and move up once it is known how long the exponents became.
        let upper = payload.pointer + 4 + bound
        switch wire {
        case .float32:
            let lower = upper + count
            // The place of the 16-bit part may be odd: it is written by bytes there.
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
        return payload
    }

    /// Writes `count` floats to `to`; false, with nothing written, if the payload does not hold them. It may hold
    /// anything; its length was checked by ``PayloadFormat/fits(_:count:)``.
    func decode(
        _ payload: UnsafeRawBufferPointer, _ format: PayloadFormat, count: Int, to: UnsafeMutablePointer<Float>
    ) -> Bool {
        guard format.fits(payload.count, count: count), let base = payload.baseAddress else {
            return count == 0 && payload.isEmpty
        }
        if !format.isCompressed {
            if format.wire == .float32 {
                UnsafeMutableRawPointer(to).copyMemory(from: base, byteCount: payload.count)
            } else {
                Self.withAligned(base, count) { shoal_f32_from_bf16(to, $0, count) }
            }
            return true
        }
        let length = Int(UInt32(littleEndian: payload.loadUnaligned(as: UInt32.self)))
        guard count <= capacity, length == payload.count - 4 - format.restBytes(count), let decompressor,
            ZSTD_decompressDCtx(decompressor, exponents, count, base + 4, length) == count
        else { return false }
        let upper = (base + 4 + length).assumingMemoryBound(to: UInt8.self)
        switch format.wire {
        case .float32:
            Self.withAligned(base + 4 + length + count, count) { shoal_join_f32(to, exponents, upper, $0, count) }
        case .bf16: shoal_join_bf16(to, exponents, upper, count)
        }
        return true
    }

    /// Calls `body` with `count` 16-bit words that may lie at any address.
    private static func withAligned(_ base: UnsafeRawPointer, _ count: Int, _ body: (UnsafePointer<UInt16>) -> Void) {
        if Int(bitPattern: base) % 2 == 0 { return body(base.assumingMemoryBound(to: UInt16.self)) }
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: count) { words in
            guard let to = words.baseAddress else { return }
            UnsafeMutableRawPointer(to).copyMemory(from: base, byteCount: 2 * count)
            body(to)
        }
    }
}

/// Memory that is written, then lent to the library until the step is over.
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
