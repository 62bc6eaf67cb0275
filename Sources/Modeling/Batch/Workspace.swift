import Numerics

/// A block of memory that activations are laid out in, one after the other, anew for each micro-batch.
///
/// It grows to the largest micro-batch seen and is reused from then on: no allocation within a step.
public final class Workspace {
    private var buffer = FloatBuffer(count: 0)
    private var next = 0
    private var isMeasuring = false

    /// The size of the block.
    var byteCount: Int { buffer.count * 4 }

    /// Lays out by running `layOut` twice: once to measure, once to hand out memory.
    func plan<T>(_ layOut: (Workspace) -> T) -> T {
        isMeasuring = true
        next = 0
        _ = layOut(self)
        isMeasuring = false
        if next > buffer.count {
            // The old block goes before the new one comes; an eighth of slack keeps growth rare.
            let wanted = next + next / 8
            buffer = FloatBuffer(count: 0)
            buffer = FloatBuffer(count: wanted)
        }
        next = 0
        return layOut(self)
    }

    /// Memory for `count` floats, 64-byte aligned, with undefined contents.
    public func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let start = next
        next += (count + 15) / 16 * 16
        // While it measures, pointers are placeholders that are never dereferenced.
        return isMeasuring ? buffer.pointer : buffer.pointer + start
    }

    /// Memory for `count` bytes, 64-byte aligned, with undefined contents; a multiple of 128 is reserved, since mask
    /// kernels work on 16 blocks of 8.
    public func bytes(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(floats((count + 127) / 128 * 32)).assumingMemoryBound(to: UInt8.self)
    }

    /// Memory for `count` 32-bit integers.
    public func integers(_ count: Int) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(floats(count)).assumingMemoryBound(to: Int32.self)
    }
}
