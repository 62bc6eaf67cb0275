import Foundation
import Numerics
import Synchronization

/// A replica's state between two steps, from which chunks are sent while the replica goes on.
///
/// It is a copy on write: chunks are read from the replica's own memory until the replica is about to change it, which
/// must be announced by ``detach()``. Only the chunks that have not been sent by then are copied; zeros, such as the
/// moments of rows without a gradient, take no memory. So the state at the end of a run is never copied as a whole.
final class StateSnapshot: Sendable {
    private struct Part {
        /// The replica's memory, or after ``StateSnapshot/detach()`` a copy.
        var buffer: FloatBuffer
        /// By chunk.
        var isSent: [Bool]
    }
    private struct State {
        var parts: [StatePart: Part]
        var isDetached = false
    }

    /// The steps behind the state.
    let step: UInt64
    private let state: Mutex<State>

    /// The state in `buffers`, which nothing changes before ``detach()`` is called.
    init(step: UInt64, buffers: [StatePart: FloatBuffer]) {
        self.step = step
        state = Mutex(
            State(
                parts: buffers.mapValues { buffer in
                    Part(buffer: buffer, isSent: [Bool](repeating: false, count: ChunkMap(floats: buffer.count).count))
                }))
    }

    /// Whether the chunk is there to be sent.
    func contains(_ part: StatePart, _ index: Int) -> Bool {
        state.withLock { state in
            guard let part = state.parts[part], part.isSent.indices.contains(index) else { return false }
            return !(state.isDetached && part.isSent[index])
        }
    }

    /// Calls `send` with the bytes of a chunk, which are valid within the call only; nothing if there is no such chunk.
    /// After ``detach()``, a chunk that was sent before it is not there any more.
    func send(_ part: StatePart, _ index: Int, _ send: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try state.withLock { state in
            guard let source = state.parts[part], source.isSent.indices.contains(index),
                !(state.isDetached && source.isSent[index]),
                let range = ChunkMap(floats: source.buffer.count).range(index)
            else { return }
            try send(UnsafeRawBufferPointer(start: source.buffer.pointer + range.lowerBound, count: range.count * 4))
            if !state.isDetached { state.parts[part]?.isSent[index] = true }
        }
    }

    /// The memory is about to change: copies what has not been sent.
    func detach() {
        state.withLock { state in
            guard !state.isDetached else { return }
            state.isDetached = true
            for (name, part) in state.parts {
                let copy = FloatBuffer(count: part.buffer.count, isSparse: true)
                let chunks = ChunkMap(floats: part.buffer.count)
                for (index, isSent) in part.isSent.enumerated() where !isSent {
                    if let range = chunks.range(index) { Self.copy(range, from: part.buffer, to: copy) }
                }
                state.parts[name]?.buffer = copy
            }
        }
    }

    /// Copies a range, but for pages of zeros: the copy has those already, and untouched memory costs nothing.
    private static func copy(_ range: Range<Int>, from source: FloatBuffer, to copy: FloatBuffer) {
        let pageFloats = 1024
        for start in stride(from: range.lowerBound, to: range.upperBound, by: pageFloats) {
            let bytes = min(pageFloats, range.upperBound - start) * 4
            let page = UnsafeRawPointer(source.pointer + start)
            // All zeros: the first byte is zero, and each equals the next.
            let isZero =
                page.load(as: UInt8.self) == 0 && (bytes == 1 || memcmp(page, page + 1, bytes - 1) == 0)
            if !isZero { UnsafeMutableRawPointer(copy.pointer + start).copyMemory(from: page, byteCount: bytes) }
        }
    }
}
