/// What becomes of senders of what does not fit.
extension CoordinatorMachine {
    /// A member sent something that does not fit: its program is broken, and it is sent away.
    mutating func violation(_ index: Int, _ what: String, _ now: Double) {
        guard members.indices.contains(index) else { return }
        sendAway(members[index], what, now)
    }

    mutating func sendAway(_ member: Member, _ what: String, _ now: Double) {
        guard needsWorkers else { return }
        let text = "it sent \(what); is it the same version of shoal?"
        send(member.peer, .refusal("this worker sent \(what); is it the same version of shoal?"))
        lose(member.peer, why: "was sent away: \(text)", now)
    }

    mutating func rejected(_ peer: PeerID, _ error: ProtocolError, _ now: Double) {
        guard let version = error.otherVersion else {
            if let member = (members + waiting).first(where: { $0.peer == peer }) {
                sendAway(member, "\(error)", now)
            } else {
                perform(.logSender(peer, "an unknown sender sent \(error)"))
            }
            return
        }
        let text =
            "a worker speaks version \(version) of the control protocol, the coordinator version "
            + "\(Preamble.version): install the same shoal on both"
        send(peer, .refusal(text))
        perform(.logSender(peer, text))
        if settings.local { end(.failure(.failed(text))) }
    }
}
