import Numerics

/// Meeting the peers: hellos, and what they are answered with.
extension AllReduceEngine {
    func connect(to endpoints: [String]) throws(AllReduceError) {
        guard world.size > 1, handshakes.state == .idle else { return }
        let now = clock()
        for peer in world.others.sorted() { try transport.connect(to: peer, at: endpoints[peer], now: now) }
        handshakes.start(endpoints: endpoints, now: now)
        try sendHellosDue()
    }

    /// Says hello to those that have not answered, when it is time.
    func sendHellosDue() throws(AllReduceError) {
        let now = clock()
        for peer in handshakes.takeHellosDue(now: now) {
            do throws(ZeroMQError) { try transport.retry(peer, now: now) } catch { throw .transport(error) }
            let format = PayloadFormat(wire: world.wire, isCompressed: false)
            try sender.send(world.header(.hello, code: format.code), memory.challenge(for: peer), to: peer)
        }
    }

    private func completeMeeting() {
        if handshakes.completeIfMet() { mailbox.connected() }
    }

    /// A peer, or anything that can connect, says hello.
    func receive(
        hello: AllReduceHeader, challenge: [UInt8]?, from connection: [UInt8]
    ) throws(MessageRefusal) {
        switch handshakes.receive(hello, from: connection, hasBegun: timer.lastStep != nil) {
        case .ignore: throw MessageRefusal("a hello of a later generation")
        case .refuse(let reason):
            answer(connection, .refusal, code: reason.rawValue)
            throw MessageRefusal("a hello of rank \(hello.sender) that does not fit (\(reason))")
        case .welcome(let rank):
            answer(connection, .welcome, payload: challenge.flatMap { memory.publish($0, to: rank) }?.encoded)
            completeMeeting()
        }
    }

    /// Answers on the connection that a message came over.
    func answer(_ connection: [UInt8], _ kind: AllReduceHeader.Kind, code: UInt8 = 0, payload: [UInt8]? = nil) {
        let header = world.header(kind, step: step?.number ?? 0, code: code).encoded()
        transport.answer([header] + (payload.map { [$0] } ?? []), to: connection)
    }

    /// A peer answers this rank's hello.
    func receiveAnswer(_ frames: [any ReceivedFrame], from peer: Int) throws {
        guard let first = frames.first else { throw MessageRefusal("a message without a header") }
        switch AllReduceHeader.decode(first.bytes) {
        case .otherVersion: throw incompatible(peer, .version)
        case .malformed(let reason): throw MessageRefusal(reason)
        case .header(let header) where header.kind == .welcome && header.generation == world.generation:
            handshakes.recordWelcome(from: peer)
            if frames.count > 1, let location = MemoryLocation(frames[1].bytes), memory.receive(location, from: peer) {
                try sender.send(world.header(.reader, step: step?.number ?? 0), to: peer)
            }
            completeMeeting()
        case .header(let header) where header.kind == .refusal && handshakes.isMeeting:
            throw incompatible(peer, AllReduceHeader.Reason(rawValue: header.code) ?? .rank)
        case .header(let header): throw MessageRefusal("an unexpected answer (\(header.kind))")
        }
    }

    private func incompatible(_ peer: Int, _ reason: AllReduceHeader.Reason) -> AllReduceError {
        .incompatiblePeer(peer: handshakes.address(peer), reason: reason.text)
    }
}
