import Foundation

/// Which peers of a generation read this rank's memory, and whose memory this rank reads.
///
/// Used by the I/O thread alone.
final class SharedMemoryLinks {
    /// What this rank may do with a peer's memory.
    private enum Import {
        /// The peer must show these bytes before its memory is read.
        case challenged([UInt8])
        /// It has.
        case readable(SharedMemoryReader)
    }

    /// What a peer may do with this rank's memory.
    private enum Export {
        case unreadable
        /// It has read the challenge, and has yet to read so many segments that were announced to it.
        case readable(pending: Int)
    }

    private struct Link {
        var memory: Import
        var export = Export.unreadable
        /// Since when a segment that the peer announced in the step under way has not held any more.
        var closedAt: Double?
    }

    private let exporter: SharedMemoryExporter?
    private let unreadable: UnreadableMemory
    private var links: [Link]
    /// The stamp of the epoch that is open; zero: none.
    private var stamp: UInt64 = 0

    /// No links between `worldSize` ranks.
    ///
    /// - Parameters:
    ///   - isEnabled: Whether this rank's memory is exported.
    ///   - unreadable: Processes whose memory is not to be read.
    init(worldSize: Int, isEnabled: Bool, unreadable: UnreadableMemory) {
        exporter = isEnabled && worldSize > 1 ? SharedMemoryExporter(worldSize: worldSize) : nil
        self.unreadable = unreadable
        links = (0..<worldSize).map { _ in Link(memory: .challenged(SharedMemoryExporter.makeChallenge())) }
    }

    // MARK: meeting

    /// Whether this rank exports its memory.
    var isEnabled: Bool { exporter != nil }

    /// What `peer` must show; `nil` where memory is not shared, or it has shown it.
    func challenge(for peer: Int) -> [UInt8]? {
        guard isEnabled, case .challenged(let challenge) = links[peer].memory else { return nil }
        return challenge
    }

    /// Publishes the challenge of `peer`; where it finds it, or `nil` where memory is not shared.
    func publish(_ challenge: [UInt8], to peer: Int) -> MemoryLocation? { exporter?.publish(challenge, to: peer) }

    /// `peer` says where it shows its challenge.
    ///
    /// - Returns: whether its memory can be read from now on.
    func receive(_ location: MemoryLocation, from peer: Int) -> Bool {
        guard case .challenged(let challenge) = links[peer].memory, !unreadable.contains(location.pid),
            let reader = SharedMemoryReader(location, challenge: challenge)
        else { return false }
        links[peer].memory = .readable(reader)
        return true
    }

    /// `peer` can read this rank's memory; false where memory is not shared.
    func recordReader(_ peer: Int) -> Bool {
        guard isEnabled else { return false }
        if case .unreadable = links[peer].export { links[peer].export = .readable(pending: 0) }
        return true
    }

    // MARK: lending

    /// From now on, until ``closeEpoch()``, memory is lent.
    func openEpoch() {
        for peer in links.indices { links[peer].closedAt = nil }
        stamp = exporter?.openEpoch() ?? 0
    }

    /// Lent memory does not hold any more.
    func closeEpoch() {
        stamp = 0
        exporter?.closeEpoch()
    }

    /// Lends floats to `peer`; `nil` if it cannot read them, so that they must be sent.
    func lend(_ floats: UnsafePointer<Float>, to peer: Int) -> MemoryReference? {
        guard stamp != 0, case .readable(let pending) = links[peer].export else { return nil }
        links[peer].export = .readable(pending: pending + 1)
        return MemoryReference(floats, stamp: stamp)
    }

    /// `peer` has read one segment that was lent to it; false if there was none.
    func recordRead(by peer: Int) -> Bool {
        guard case .readable(let pending) = links[peer].export, pending > 0 else { return false }
        links[peer].export = .readable(pending: pending - 1)
        return true
    }

    /// Whether `peer` has yet to read something that was lent to it.
    func isLending(to peer: Int) -> Bool {
        guard case .readable(let pending) = links[peer].export else { return false }
        return pending > 0
    }

    // MARK: reading

    /// Whether the memory of `peer` can be read.
    func canRead(_ peer: Int) -> Bool {
        if case .readable = links[peer].memory { true } else { false }
    }

    /// Reads floats that `peer` lent.
    ///
    /// - Returns: whether they are all there. If the epoch was closed the peer is gone, or has failed and is about to
    ///   close its connection; then this is remembered in ``closedAt(_:)``.
    /// - Throws: the reason (`errno`) for which its memory cannot be read though it may hold. It is not read any more,
    ///   in this generation or later ones.
    func read(
        _ frame: any ReceivedFrame, count: Int, from peer: Int, to: UnsafeMutablePointer<Float>, now: Double
    ) throws(UnreadableReason) -> Bool {
        var outcome = SharedMemoryReader.Outcome.epochClosed
        if case .readable(let reader) = links[peer].memory, let reference = MemoryReference(frame.bytes) {
            outcome = reader.read(reference, count: count, to: to)
        }
        switch outcome {
        case .read: return true
        case .epochClosed:
            links[peer].closedAt = links[peer].closedAt ?? now
            return false
        case .unreadable(let code):
            giveUpReading(peer)
            throw UnreadableReason(code: code)
        }
    }

    /// The memory of `peer` is not read any more, in this generation or later ones.
    func giveUpReading(_ peer: Int) {
        if case .readable(let reader) = links[peer].memory { unreadable.add(reader.process) }
    }

    /// Since when the epoch of `peer` has been closed though it announced a segment in the step under way.
    func closedAt(_ peer: Int) -> Double? { links[peer].closedAt }

    /// Why memory cannot be read.
    struct UnreadableReason: Error, Equatable, CustomStringConvertible {
        var code: Int32
        var description: String { String(cString: strerror(code)) }
    }
}
