import Foundation
import Training

/// A state on its way: from one worker, through here, to others that are behind; or from one worker to the disk.
struct StateTransfer: Sendable {
    /// One chunk of a part of the state.
    struct Chunk: Hashable, Sendable {
        var part: StatePart
        var index: Int
    }

    /// From a member that has the state to those that lack it.
    struct Relay: Sendable {
        /// The member that has it; nil where it comes from here.
        var donor: PeerID?
        var step = 0
        var isCopied = false
        var window = ChunkWindow<(peer: PeerID, chunk: Chunk)>(credit: relayCredit)
    }

    /// From a worker that has made a copy of its state, and goes on with its work.
    struct Fetch: Sendable {
        var purpose: FetchPurpose
        var peer: PeerID
        /// The steps that the state must have behind it.
        var step: Int
        var isCopied = false
        var window: ChunkWindow<Chunk>

        var isComplete: Bool { isCopied && window.isDone }
    }

    /// Chunks that are on their way through here to other workers, which are waiting for them.
    private static let relayCredit = ControlLimits.chunkCredit
    /// Chunks that are on their way to the disk, while their sender goes on with its work.
    private static let fetchCredit = ControlLimits.chunkCredit / 2

    /// The state that the run begins with, or goes on from should all workers be lost.
    var source: StateSource?
    private(set) var relay = Relay()
    private(set) var fetch: Fetch?
    /// The lengths of the vectors.
    private var shape = StateShape()
    /// The vectors of a state.
    private var parts: [StatePart] = []
    /// The step of the newest state that was asked for.
    private var newestFetch = 0

    mutating func begin(_ source: StateSource, shape: StateShape, parts: [StatePart]) {
        self.source = source
        self.shape = shape
        self.parts = parts
        newestFetch = source.step
    }

    /// The generation ends: what was on its way is given up.
    mutating func suspend() {
        fetch = nil
        relay = Relay()
    }

    // MARK: to workers that are behind

    /// All members shall connect to each other; those behind get the state of `step` from one that is not, or else from
    /// here.
    mutating func connect(_ members: inout [WorkerRecord], at step: Int, _ transition: inout Transition) {
        guard let source else { return }
        let donor = members.first { $0.applied == step }
        let load: [PartToLoad] = donor == nil ? source.parts : parts.map { PartToLoad(part: $0, sha256: nil) }
        let endpoints = members.compactMap(\.endpoint)
        for i in members.indices {
            members[i].mustLoad = members[i].applied != step
            transition.send(.peers(endpoints, load: members[i].mustLoad ? load : []), to: members[i].peer, step: step)
        }
        if let donor, members.contains(where: \.mustLoad) {
            relay = Relay(donor: donor.peer, step: step)
            transition.send(.snapshotRequest(parts), to: donor.peer, step: step)
        }
    }

    /// All members have the state.
    mutating func connected(_ transition: inout Transition) {
        if let donor = relay.donor { transition.send(.snapshotRelease, to: donor) }
        relay = Relay()
        guard let source, source.step > 0, !source.parts.isEmpty else { return }
        // It is on the disk, should it ever be needed again.
        transition.perform(.releaseSource)
        self.source?.parts = []
    }

    /// A member that must load the state asks for chunks; what is wrong with that, if anything.
    mutating func request(
        _ part: StatePart, _ indices: Range<Int>, by peer: PeerID, members: Int, _ transition: inout Transition
    ) -> String? {
        let count = shape.chunks(part).count
        guard indices.upperBound <= count else {
            return "a request for chunk \(indices.upperBound - 1) of \(count)"
        }
        guard relay.donor != nil else {
            guard let source, source.parts.contains(where: { $0.part == part }) else {
                return "a request for a part that there is not"
            }
            transition.perform(.sendSource(peer, part, indices, generation: transition.generation))
            return nil
        }
        relay.window.enqueue(indices.map { (peer, Chunk(part: part, index: $0)) })
        guard relay.window.queued.count <= 2 * ControlLimits.chunkCredit * members else {
            return "more requests than it has credit for"
        }
        askDonor(&transition)
        return nil
    }

    private mutating func askDonor(_ transition: inout Transition) {
        guard let donor = relay.donor, relay.isCopied else { return }
        while let next = relay.window.next() {
            transition.send(.stateRequest(next.chunk.part, index: next.chunk.index), to: donor, step: relay.step)
        }
    }

    /// Whether others wait for this member, which is not ready; they do not while it waits for the donor's state.
    func owes(_ member: WorkerRecord) -> Bool {
        guard let donor = relay.donor else { return !member.isReady }
        let isAwaited = !relay.isCopied || !relay.window.isDone
        if donor == member.peer { return isAwaited || !member.isReady }
        return !member.isReady && !(member.mustLoad && isAwaited)
    }

    // MARK: to the disk

    /// Asks a member for a copy of the state after `step` steps.
    mutating func startFetch(_ purpose: FetchPurpose, from peer: PeerID, step: Int, _ transition: inout Transition) {
        let all = parts.flatMap { part in (0..<shape.chunks(part).count).map { Chunk(part: part, index: $0) } }
        fetch = Fetch(purpose: purpose, peer: peer, step: step, window: ChunkWindow(credit: Self.fetchCredit, all))
        newestFetch = step
        transition.send(.snapshotRequest(parts), to: peer, step: step)
    }

    private mutating func askForChunks(_ transition: inout Transition) {
        guard var fetch else { return }
        while let next = fetch.window.next() {
            transition.send(.stateRequest(next.part, index: next.index), to: fetch.peer, step: fetch.step)
        }
        self.fetch = fetch
    }

    /// Whether a worker has not sent all that was asked of it.
    func isFetching(from peer: PeerID) -> Bool { fetch.map { $0.peer == peer && !$0.isComplete } ?? false }

    /// What was fetched is complete, and will be written: the copy is not needed any more.
    mutating func takeFetch(_ transition: inout Transition) {
        guard let fetch else { return }
        transition.send(.snapshotRelease, to: fetch.peer)
        self.fetch = nil
    }

    // MARK: from workers

    /// A member has copied its state.
    mutating func snapshotTaken(step: UInt64, by peer: PeerID, _ transition: inout Transition) {
        if relay.donor == peer, step == UInt64(relay.step) {
            relay.isCopied = true
            askDonor(&transition)
        } else if let fetch, fetch.peer == peer, UInt64(fetch.step) == step, !fetch.isCopied {
            self.fetch?.isCopied = true
            transition.perform(.beginStore)
            askForChunks(&transition)
        }
        // Else it is of a fetch that another one replaced.
    }

    /// A chunk of a worker's state came; what is wrong with it, if anything.
    mutating func received(
        _ chunk: Chunk, _ payload: Data, step: UInt64, from peer: PeerID, _ transition: inout Transition
    ) -> String? {
        guard payload.count == (shape.chunks(chunk.part).range(chunk.index)?.count ?? 0) * 4 else {
            return "a part of its state that does not fit"
        }
        let unasked = "a part of its state that was not asked for"
        if relay.donor == peer {
            guard let first = relay.window.answered(), first.chunk == chunk, step == UInt64(relay.step) else {
                return unasked
            }
            transition.send(.chunk(chunk.part, index: chunk.index, payload: payload), to: first.peer, step: relay.step)
            askDonor(&transition)
            return nil
        }
        guard fetch?.peer == peer, fetch.map({ UInt64($0.step) }) == step else {
            // Of a fetch that was given up for another one.
            return step >= UInt64(newestFetch) ? unasked : nil
        }
        guard fetch?.window.answered() == chunk else { return unasked }
        transition.perform(.storeChunk(chunk.part, index: chunk.index, payload: payload))
        askForChunks(&transition)
        return nil
    }
}

/// For what a state is fetched from a worker.
enum FetchPurpose: Sendable, Equatable {
    /// A checkpoint, while the run goes on.
    case periodic
    /// A checkpoint that the run waits for: of the best state so far, or of the last one before the best is loaded.
    case best
    /// A checkpoint that the run waits for: the next phase begins with it.
    case phaseEnd
    /// A checkpoint, after which the run ends with this error.
    case ending(RunError)
    /// The last checkpoint, and the final model.
    case final
}
