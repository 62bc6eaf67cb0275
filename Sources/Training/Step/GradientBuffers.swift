import Numerics

/// The flat buffers of one compute thread's accumulator, kept from step to step.
final class GradientBuffers {
    private let count: Int
    private var buffers: [FloatBuffer] = []
    private var part = FloatBuffer(count: 0)

    /// Buffers of `count` floats each; memory is made when first needed.
    init(count: Int) { self.count = count }

    /// Sees to it that there are at least `number` buffers.
    func grow(to number: Int) {
        while buffers.count < number { buffers.append(FloatBuffer(count: count)) }
    }

    subscript(index: Int) -> UnsafeMutablePointer<Float> { buffers[index].pointer }

    /// Memory for one part of a gradient.
    func scratch(_ count: Int) -> UnsafeMutablePointer<Float> {
        if part.count < count { part = FloatBuffer(count: count) }
        return part.pointer
    }
}
