import Numerics

/// What arrives: checked against itself and the sender, then handed to the step that it belongs to.
extension AllReduceEngine {
    /// Something has arrived. It may hold anything.
    func receive(_ arrival: Arrival) throws {
        switch arrival {
        case .message(let connection, let frames):
            do {
                try receive(frames, from: connection)
            } catch let refusal as MessageRefusal {
                refuse(refusal, of: handshakes.rank(of: connection))
                try record(frames, from: connection)
            }
        case .dropped(let connection, let reason): refuse(MessageRefusal(reason), of: handshakes.rank(of: connection))
        case .answer(let peer, let frames):
            do {
                try receiveAnswer(frames, from: peer)
            } catch let refusal as MessageRefusal {
                refuse(refusal, of: peer)
            }
        case .droppedAnswer(let peer, let reason): refuse(MessageRefusal(reason), of: peer)
        case .disconnected(let peer): handshakes.recordLoss(of: peer, now: clock())
        }
    }

    /// A message of the step that has just begun, which came before.
    func receiveEarly(_ message: EarlyMessages.Message, _ step: AllReduceStep) throws {
        let (header, sender) = (message.header, message.sender)
        guard header.step == step.number else {
            throw AllReduceError.incompatiblePeer(
                peer: handshakes.address(sender),
                reason: "it sent a message of step \(header.step) before step \(step.number)")
        }
        do {
            try take(header, message.frames, from: sender, step)
        } catch let refusal as MessageRefusal {
            refuse(refusal, of: sender)
            try record(peer: sender)
        }
    }

    // MARK: refusing

    /// Counts a message that is not taken, and logs each peer and reason once.
    private func refuse(_ refusal: MessageRefusal, of peer: Int?) {
        let name = peer.map { "\(handshakes.address($0))" } ?? "an unknown sender"
        let isLogged = peer != nil || otherMessages.misbehaviour.shouldLogUnknownSender()
        otherMessages.refusals.record(isLogged ? "refused a message from \(name): \(refusal.reason)" : nil)
    }

    /// A sender has sent something that was refused: one that goes on like that has failed, or is disconnected.
    private func record(_ frames: [any ReceivedFrame], from connection: [UInt8]) throws(AllReduceError) {
        if let peer = handshakes.rank(of: connection) { return try record(peer: peer) }
        guard let id = frames.last?.connection, otherMessages.misbehaviour.record(connection: id) else { return }
        transport.end(id)
    }

    private func record(peer: Int) throws(AllReduceError) {
        guard let count = otherMessages.misbehaviour.record(peer: peer) else { return }
        throw .incompatiblePeer(
            peer: handshakes.address(peer), reason: "it sent \(count) messages that do not belong to the step")
    }

    // MARK: checking

    private func receive(_ frames: [any ReceivedFrame], from connection: [UInt8]) throws {
        guard let first = frames.first else { throw MessageRefusal("a message without a header") }
        switch AllReduceHeader.decode(first.bytes) {
        case .malformed(let reason): throw MessageRefusal(reason)
        case .otherVersion(let version):
            answer(connection, .refusal, code: AllReduceHeader.Reason.version.rawValue)
            throw MessageRefusal(
                "it speaks version \(version) of the protocol, not \(AllReduceHeader.currentVersion)")
        case .header(let header) where header.kind == .hello:
            guard frames.count == 1 || (frames.count == 2 && frames[1].count == SharedMemoryExporter.challengeBytes)
            else { throw MessageRefusal("a hello with a payload") }
            try receive(hello: header, challenge: frames.count == 2 ? frames[1].array : nil, from: connection)
        case .header(let header):
            guard let sender = handshakes.rank(of: connection) else { throw MessageRefusal("no hello came before") }
            guard header.sender == UInt32(sender) else { throw MessageRefusal("it claims rank \(header.sender)") }
            guard header.generation == world.generation else { throw MessageRefusal("another generation") }
            try receive(header, frames, from: sender)
        }
    }

    private func receive(_ header: AllReduceHeader, _ frames: [any ReceivedFrame], from sender: Int) throws {
        try check(header, frames, from: sender)
        switch header.kind {
        case .reader:
            guard memory.recordReader(sender) else { throw MessageRefusal("an unexpected \(header.kind)") }
            return
        case .taken:
            guard let step, header.step == step.number, memory.recordRead(by: sender) else {
                throw MessageRefusal("an unexpected \(header.kind)")
            }
            timer.recordProgress(now: clock())
            return
        default: break
        }
        if let step, header.step == step.number { return try take(header, frames, from: sender, step) }
        if let last = timer.lastStep, header.step <= last { throw MessageRefusal("a message of a step that is over") }
        do throws(EarlyMessages.Overrun) {
            try otherMessages.early.add(
                EarlyMessages.Message(sender: sender, header: header, frames: frames), isStepUnderWay: step != nil)
        } catch {
            throw AllReduceError.incompatiblePeer(peer: handshakes.address(error.rank), reason: error.reason)
        }
    }

    /// Whether a message of a peer is what its header says.
    private func check(
        _ header: AllReduceHeader, _ frames: [any ReceivedFrame], from sender: Int
    ) throws(MessageRefusal) {
        switch header.kind {
        case .begin:
            guard frames.count == 1, header.partialSums == 0 else { throw MessageRefusal("a begin with a payload") }
        case .reader, .taken:
            guard frames.count == 1, header.partialSums == 0 else {
                throw MessageRefusal("an unexpected \(header.kind)")
            }
        case .contribution, .result:
            guard header.code != PayloadFormat.reference else {
                guard frames.count == 2, frames[1].count == MemoryReference.byteCount, memory.canRead(sender) else {
                    throw MessageRefusal("a \(header.kind) in memory that is not shared")
                }
                return
            }
            guard frames.count == 2, let format = PayloadFormat(code: header.code),
                format.fits(frames[1].count, count: Int(header.count))
            else { throw MessageRefusal("a \(header.kind) whose length is not what its header says") }
            guard format.wire == world.wire else { throw MessageRefusal("a \(header.kind) in another format") }
        case .piggyback:
            guard frames.count == 2, header.partialSums == 0, frames[1].count == Int(header.count),
                frames[1].count <= Reduction.maxPiggybackBytes
            else { throw MessageRefusal("a piggyback whose length is not what its header says") }
        case .hello, .welcome, .refusal: throw MessageRefusal("an unexpected \(header.kind)")
        }
    }

    // MARK: taking

    /// A message of the step under way, its lengths checked against themselves.
    private func take(
        _ header: AllReduceHeader, _ frames: [any ReceivedFrame], from peer: Int, _ step: AllReduceStep
    ) throws {
        switch header.kind {
        case .begin: try step.receiveBegin(from: peer)
        case .piggyback: try step.receive(piggyback: frames[1].array, from: peer)
        case .contribution:
            let slot = try step.slot(ofContribution: header, from: peer)
            guard let floats = try floats(frames[1], header, from: peer) else { return }
            timer.recordProgress(now: clock())
            try step.put(.received(floats), slot, sender)
            return
        default:
            let segment = try step.segment(ofSum: header, from: peer)
            let sums = header.sumsOfSquares(in: frames[0].bytes)
            let isThere = try step.putSum(segment, sumsOfSquares: sums) {
                guard let to = $0.baseAddress else { return true }
                return try read(frames[1], header, from: peer, to: to)
            }
            guard isThere else { return }
        }
        timer.recordProgress(now: clock())
    }

    /// The floats of a contribution; `nil` if the peer has withdrawn them.
    private func floats(
        _ frame: any ReceivedFrame, _ header: AllReduceHeader, from peer: Int
    ) throws -> ReceivedFloats? {
        if header.code == PayloadFormat(wire: .float32, isCompressed: false).code { return ReceivedFloats(frame) }
        return try ReceivedFloats(count: Int(header.count)) { try read(frame, header, from: peer, to: $0) }
    }

    /// Writes the floats of a contribution or a result to `to`, wherever they are; false if the peer has withdrawn
    /// them.
    private func read(
        _ frame: any ReceivedFrame, _ header: AllReduceHeader, from peer: Int, to: UnsafeMutablePointer<Float>
    ) throws -> Bool {
        let count = Int(header.count)
        guard header.code == PayloadFormat.reference else {
            guard let format = PayloadFormat(code: header.code),
                codecs.decode(frame.bytes, format, count: count, to: to)
            else { throw MessageRefusal("a \(header.kind) that cannot be read") }
            return true
        }
        do throws(SharedMemoryLinks.UnreadableReason) {
            guard try memory.read(frame, count: count, from: peer, to: to, now: clock()) else { return false }
        } catch {
            throw AllReduceError.unreadableMemory(
                peer: handshakes.address(peer), step: step?.number, reason: "\(error)")
        }
        try sender.send(world.header(.taken, step: step?.number ?? 0), to: peer)
        return true
    }
}
