/// How a flat vector is cut into chunks for the wire.
struct ChunkMap: Sendable, Equatable {
    /// The vector's length.
    let floats: Int

    /// The number of chunks.
    var count: Int { (floats + ControlLimits.chunkFloats - 1) / ControlLimits.chunkFloats }

    /// The floats of chunk `index`; nil if there is no such chunk.
    func range(_ index: Int) -> Range<Int>? {
        guard index >= 0, index < count else { return nil }
        let start = index * ControlLimits.chunkFloats
        return start..<min(floats, start + ControlLimits.chunkFloats)
    }
}
