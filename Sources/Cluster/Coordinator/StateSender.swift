import Collectives
import Foundation
import Numerics

/// States in memory that workers load from the coordinator: sent without a copy, and kept until the last byte is on its
/// way.
final class StateSender {
    private let socket: ZeroMQSocket
    private let lent = ZeroCopyCounter()
    /// The state that workers can load.
    private var current: LoadedState?
    /// States that are not needed any more, but may still be on their way.
    private var retired: [LoadedState] = []

    init(socket: ZeroMQSocket) { self.socket = socket }

    /// From now on workers load this state, and none after `nil`.
    func replace(with state: LoadedState?) {
        if let current { retired.append(current) }
        current = state
    }

    /// Forgets states that have been sent.
    func releaseSent() { if lent.outstanding == 0 { retired.removeAll() } }

    /// Sends chunks of a part to a worker, if they are there.
    func send(_ part: StatePart, _ chunks: Range<Int>, generation: UInt64, to peer: PeerID) throws {
        guard let buffer = current?.buffers[part] else { return }
        for index in chunks {
            guard let range = ChunkMap(floats: buffer.count).range(index) else { return }
            let head = CoordinatorMessage(
                generation: generation, step: 0, body: .chunk(part, index: index, payload: Data())
            ).frames()
            let bytes = UnsafeRawBufferPointer(start: buffer.pointer + range.lowerBound, count: range.count * 4)
            do {
                // The empty payload's frame is replaced by the floats themselves, which are not copied.
                for (i, frame) in ([peer.bytes] + head.prefix(2)).enumerated() {
                    let sent = try frame.withUnsafeBytes { try socket.send($0, more: true, wait: false) }
                    if i == 0, !sent { return }
                }
                try socket.send(lending: bytes, counter: lent)
            } catch let error as ZeroMQError where error.isUnreachable {
                return
            }
        }
    }
}
