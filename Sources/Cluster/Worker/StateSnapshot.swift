import Numerics

/// A copy of a replica's state between two steps, from which chunks are sent while the replica goes on.
final class StateSnapshot: Sendable {
    /// The steps behind the state.
    let step: UInt64
    private let buffers: [StatePart: FloatBuffer]

    init(step: UInt64, buffers: [StatePart: FloatBuffer]) {
        self.step = step
        self.buffers = buffers
    }

    /// The bytes of a chunk, valid as long as this is; nil if there is no such chunk.
    func bytes(_ part: StatePart, _ index: Int) -> UnsafeRawBufferPointer? {
        guard let buffer = buffers[part], let range = ChunkMap(floats: buffer.count).range(index) else { return nil }
        return UnsafeRawBufferPointer(start: buffer.pointer + range.lowerBound, count: range.count * 4)
    }
}
