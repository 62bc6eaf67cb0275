import Collections
import Foundation

/// How those that are behind get the state.
extension CoordinatorMachine {
    /// A state on its way from one worker, through here, to others.
    struct Relay: Sendable {
        /// Who gives it; nil where it comes from here.
        var donor: PeerID?
        var step = 0
        var isCopied = false
        /// Who waits for which chunks, in the order in which the donor is asked.
        var queue: Deque<(peer: PeerID, part: StatePart, chunk: Int)> = []
        /// As `queue`, of what the donor was asked for.
        var asked: Deque<(peer: PeerID, part: StatePart, chunk: Int)> = []
    }

    /// Chunks that the donor is asked for at once.
    private static var credit: Int { 16 }

    mutating func chunkRequest(_ part: StatePart, _ chunks: Range<Int>, _ index: Int, _ now: Double) {
        guard case .connecting = phase, members[index].mustLoad, let preparation, let source else {
            violation(index, "a request for the state out of turn", now)
            return
        }
        let count = ChunkMap(floats: preparation.welcome.weightCount).count
        guard chunks.upperBound <= count else {
            violation(index, "a request for chunk \(chunks.upperBound - 1) of \(count)", now)
            return
        }
        let peer = members[index].peer
        guard relay.donor != nil else {
            guard source.parts.contains(where: { $0.part == part }) else {
                violation(index, "a request for a part that there is not", now)
                return
            }
            perform(.sendSource(peer, part, chunks, generation: generation))
            return
        }
        relay.queue.append(contentsOf: chunks.map { (peer, part, $0) })
        guard relay.queue.count <= 2 * ControlLimits.chunkCredit * members.count else {
            violation(index, "more requests than it has credit for", now)
            return
        }
        askDonor()
    }

    private mutating func askDonor() {
        guard let donor = relay.donor, relay.isCopied else { return }
        while relay.asked.count < Self.credit, let next = relay.queue.popFirst() {
            relay.asked.append(next)
            send(donor, .stateRequest(next.part, index: next.chunk), step: relay.step)
        }
    }

    mutating func snapshotTaken(step: UInt64, _ index: Int, _ now: Double) {
        let peer = members[index].peer
        if relay.donor == peer, step == UInt64(relay.step) {
            relay.isCopied = true
            askDonor()
        } else if fetch?.peer == peer, fetch.map({ UInt64($0.step) }) == step {
            beginFetching()
        }
        // Else it is of a fetch that another one replaced.
    }

    /// A chunk of a worker's state came.
    mutating func received(
        _ part: StatePart, _ chunk: Int, _ payload: Data, step: UInt64, _ index: Int, _ now: Double
    ) {
        let floats = preparation.flatMap { ChunkMap(floats: $0.welcome.weightCount).range(chunk)?.count } ?? 0
        guard payload.count == floats * 4 else {
            violation(index, "a part of its state that does not fit", now)
            return
        }
        guard relay.donor == members[index].peer else {
            fetched(part, chunk, payload, step: step, index, now)
            return
        }
        guard let first = relay.asked.popFirst(), first.part == part, first.chunk == chunk, step == UInt64(relay.step)
        else {
            violation(index, "a part of its state that nobody asked for", now)
            return
        }
        send(first.peer, .chunk(part, index: chunk, payload: payload), step: relay.step)
        askDonor()
    }
}
