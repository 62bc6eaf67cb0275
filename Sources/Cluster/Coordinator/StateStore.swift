import Foundation
import Numerics

/// The flat vectors that are fetched from a worker.
final class StateStore {
    private let shape: StateShape
    private var buffers: [StatePart: FloatBuffer] = [:]

    init(_ shape: StateShape) { self.shape = shape }

    /// Copies a chunk to its place; false if there is none such.
    func store(_ part: StatePart, chunk: Int, _ payload: Data) -> Bool {
        guard let range = shape.chunks(part).range(chunk), payload.count == range.count * 4 else { return false }
        let buffer = buffer(part)
        payload.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: buffer.pointer + range.lowerBound, count: range.count * 4)
                .copyMemory(from: $0)
        }
        return true
    }

    /// The vector of a part, zeros where nothing was stored.
    func buffer(_ part: StatePart) -> FloatBuffer {
        if let buffer = buffers[part] { return buffer }
        let buffer = FloatBuffer(count: shape.chunks(part).floats)
        buffers[part] = buffer
        return buffer
    }
}
