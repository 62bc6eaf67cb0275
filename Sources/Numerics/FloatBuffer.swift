import Foundation
import Support

/// A fixed block of 32-bit floats, aligned to 64 bytes (one cache line, one AVX-512 register) and zero-initialized.
///
/// It is the one kind of memory that gradients, weights, moments and activations live in. The class owns the memory;
/// it does not synchronize access: a buffer is shared between compute threads, which write to disjoint parts, and the
/// all-reduce thread, which takes a part over once it is submitted. That is why it is `@unchecked Sendable`.
public final class FloatBuffer: @unchecked Sendable {
    /// The first element, 64-byte aligned.
    public let pointer: UnsafeMutablePointer<Float>
    /// The number of floats.
    public let count: Int

    /// Allocates `count` zeros. Memory that is never touched costs no resident memory.
    ///
    /// - Parameter isSparse: Only places far from each other will be touched: each is to cost a small page, not a huge
    ///   one.
    public init(count: Int, isSparse: Bool = false) {
        precondition(count >= 0, "a buffer cannot hold \(count) floats")
        self.count = count
        let bytes = max(64, (count * MemoryLayout<Float>.stride + 63) / 64 * 64)
        // Memory comes zeroed from the kernel, page by page as it is first touched.
        let raw = Self.allocate(bytes: bytes)
        if !isSparse, bytes >= Self.hugePageThreshold {
            // Fewer misses of the address cache: 1 to 8% more tokens a second. A system that has none goes on as
            // before.
            madvise(raw, bytes, Int32(MADV_HUGEPAGE))
        }
        pointer = raw.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
        mappedBytes = bytes
    }

    private let mappedBytes: Int
    /// Smaller buffers would be rounded up to too much.
    private static let hugePageThreshold = 4 << 20

    private static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let raw, raw != MAP_FAILED else {
            // Nothing above can go on. What is known to be needed is asked for before (ResourceProbe): this is for the
            // rest.
            let error = ResourceLimitError("get \(max(1, bytes >> 20)) MiB of memory", code: errno)
            let line = Array("shoal: error: \(error); or use a smaller --batch-size or --max-length\n".utf8)
            _ = write(2, line, line.count)
            // Other threads go on meanwhile: nothing that they use may be taken down.
            _exit(1)
        }
        return raw
    }

    deinit { munmap(pointer, mappedBytes) }

    /// Makes all elements zero again, and gives the memory back to the system.
    public func clear() {
        // Private anonymous pages come back as zeros; see madvise(2).
        if madvise(pointer, mappedBytes, MADV_DONTNEED) != 0 { pointer.update(repeating: 0, count: count) }
    }

    /// The elements as a buffer.
    public var elements: UnsafeMutableBufferPointer<Float> { .init(start: pointer, count: count) }
}
