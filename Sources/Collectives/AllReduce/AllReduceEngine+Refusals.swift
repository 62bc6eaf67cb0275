import Foundation

/// What becomes of messages that make no sense, and of those that send them.
extension AllReduceEngine {
    /// Ends the connection of a sender whom nobody knows, once it has sent too much that makes no sense.
    func resent(_ frames: [ZeroMQMessage]) {
        guard rankOf[frames[0].array] == nil, let gate = door.gate, let connection = frames.last?.connection else {
            return
        }
        if nonsense.count >= 1024 { nonsense.removeAll() }
        nonsense[connection, default: 0] += 1
        guard nonsense[connection, default: 0] > Self.patience else { return }
        nonsense[connection] = nil
        gate.end(connection)
    }

    /// A peer has sent something that was refused: one that goes on like that has failed.
    func misbehaved(_ peer: Int) throws(AllReduceError) {
        peers[peer].refused += 1
        guard peers[peer].refused > Self.patience else { return }
        throw .incompatiblePeer(
            peer: address(peer), reason: "it sent \(peers[peer].refused) messages that do not belong to the step")
    }

    /// The memory of a peer is not read any more, in this generation or later ones.
    func unreadable(_ peer: Int, _ reason: String) -> AllReduceError {
        if let memory = peers[peer].memory { options.unreadable.add(memory.process) }
        return .unreadableMemory(peer: address(peer), step: step?.number, reason: reason)
    }

    /// Counts a message that is not taken, and tells of it once a peer and reason.
    func refuse(_ peer: Int?, _ reason: String) {
        mailbox.countRefusal()
        refusedCount += 1
        // Of strangers, who may be many, a few times in all.
        if peer == nil {
            strangersTold += 1
            guard strangersTold <= 1 + Self.patience else { return }
        }
        let sender = peer.map { "\(address($0))" } ?? "an unknown sender"
        let line = "refused a message from \(sender): \(reason)"
        guard let tell = options.onRefusal, refusalsTold.count < 256, refusalsTold.insert(line).inserted else { return }
        tell(line)
    }
}
