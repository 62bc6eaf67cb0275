import Foundation
import Numerics

/// Messages in and out.
extension AllReduceEngine {
    func header(_ kind: AllReduceHeader.Kind, code: UInt8 = 0) -> AllReduceHeader {
        AllReduceHeader(
            kind: kind, code: code, generation: generation, step: step?.number ?? 0, sender: UInt32(rank),
            worldSize: UInt32(worldSize), segmentFloats: UInt32(options.segmentFloats))
    }

    func header(_ kind: AllReduceHeader.Kind, segment: AllReducePlan.Segment) -> AllReduceHeader {
        var header = header(kind)
        header.bucket = UInt32(segment.bucket)
        header.offset = UInt64(segment.range.lowerBound)
        header.count = UInt32(segment.range.count)
        return header
    }

    // MARK: out

    func send(_ header: AllReduceHeader, _ payload: [UInt8]? = nil, to peer: Int) throws(AllReduceError) {
        guard let dealer = peers[peer].dealer else { throw .aborted(reason: "it was closed") }
        let frames = [header.encoded()] + (payload.map { [$0] } ?? [])
        do throws(ZeroMQError) {
            guard try dealer.send(frames, wait: false) else {
                throw ZeroMQError(operation: "send to", endpoint: peers[peer].endpoint, code: EAGAIN)
            }
        } catch {
            throw .transport(error)
        }
        step?.bytesSent += frames.reduce(0) { $0 + $1.count }
    }

    /// Sends floats, rounded already where the wire rounds, or says where they can be read. They are lent until the
    /// step is over. `header` is that of a contribution or a result.
    func send(
        _ header: [UInt8], _ floats: UnsafeBufferPointer<Float>, _ step: AllReduceStep, to receivers: [Int]
    ) throws(AllReduceError) {
        var header = header
        var payload: (bytes: UnsafeRawBufferPointer, format: PayloadFormat)?
        for peer in receivers {
            if peers[peer].readsMemory, floats.count * 4 >= options.sharedMemoryBytes, let base = floats.baseAddress {
                header[AllReduceHeader.codeByte] = PayloadFormat.reference
                let reference = MemoryReference(base, stamp: step.stamp).encoded
                peers[peer].borrowed += 1
                var outcome: Result<Void, AllReduceError> = .success(())
                reference.withUnsafeBytes { bytes in
                    outcome = Result { () throws(AllReduceError) in try send(header, bytes, to: peer) }
                }
                try outcome.get()
                continue
            }
            let encoded = payload ?? self.payload(floats, step)
            payload = encoded
            header[AllReduceHeader.codeByte] = encoded.format.code
            try send(header, encoded.bytes, to: peer)
        }
    }

    /// What of `floats` goes over the wire, rounded already where the wire rounds. Valid until the step is over.
    private func payload(
        _ floats: UnsafeBufferPointer<Float>, _ step: AllReduceStep
    ) -> (bytes: UnsafeRawBufferPointer, format: PayloadFormat) {
        if codec.sendsFloatsAsTheyAre {
            return (UnsafeRawBufferPointer(floats), PayloadFormat(wire: .float32, isCompressed: false))
        }
        let (owned, format) = codec.encode(floats)
        step.encoded.append(owned)
        return (owned.bytes, format)
    }

    private func send(_ header: [UInt8], _ bytes: UnsafeRawBufferPointer, to peer: Int) throws(AllReduceError) {
        guard let dealer = peers[peer].dealer else { throw .aborted(reason: "it was closed") }
        do throws(ZeroMQError) {
            var sent = try sendHeader(header, on: dealer)
            if sent, bytes.count >= options.zeroCopyBytes {
                sent = try dealer.send(lending: bytes, counter: peers[peer].lent)
            } else if sent {
                sent = try dealer.send(bytes, wait: false)
            }
            step?.bytesSent += header.count + bytes.count
            // Without a high-water mark there is always room in the queue of a connected socket.
            guard sent else { throw ZeroMQError(operation: "send to", endpoint: peers[peer].endpoint, code: EAGAIN) }
        } catch {
            throw .transport(error)
        }
    }

    /// Sends this rank's piggyback to all others.
    func send(piggyback: [UInt8], _ step: AllReduceStep) throws(AllReduceError) {
        step.piggybacks[rank] = piggyback
        var header = header(.piggyback)
        header.count = UInt32(piggyback.count)
        for peer in 0..<worldSize where peer != rank { try send(header, piggyback, to: peer) }
    }

    private func sendHeader(_ header: [UInt8], on dealer: ZeroMQSocket) throws(ZeroMQError) -> Bool {
        var outcome: Result<Bool, ZeroMQError> = .success(false)
        header.withUnsafeBytes { bytes in
            outcome = Result { () throws(ZeroMQError) in try dealer.send(bytes, more: true, wait: false) }
        }
        return try outcome.get()
    }

    // MARK: in

    /// One message on the ROUTER: routing id, header, perhaps floats. It may hold anything.
    func handle(_ frames: [ZeroMQMessage]) throws {
        let refused = refusedCount
        try takeIn(frames)
        guard refusedCount > refused else { return }
        if let peer = rankOf[frames[0].array] { try misbehaved(peer) } else { resent(frames) }
    }

    private func takeIn(_ frames: [ZeroMQMessage]) throws {
        let identity = frames[0].array
        guard frames.count >= 2 else { return refuse(rankOf[identity], "a message without a header") }
        switch frames[1].withBytes(AllReduceHeader.decode) {
        case .malformed(let reason): refuse(rankOf[identity], reason)
        case .otherVersion(let version):
            refuse(
                rankOf[identity], "it speaks version \(version) of the protocol, not \(AllReduceHeader.currentVersion)")
            answer(identity, .refusal, .version)
        case .header(let header) where header.kind == .hello:
            guard frames.count == 2 || (frames.count == 3 && frames[2].count == MemoryBoard.challengeBytes) else {
                return refuse(rankOf[identity], "a hello with a payload")
            }
            greet(identity, header, challenge: frames.count == 3 ? frames[2].array : nil)
        case .header(let header):
            guard let sender = rankOf[identity] else { return refuse(nil, "no hello came before") }
            guard header.sender == UInt32(sender) else { return refuse(sender, "it claims rank \(header.sender)") }
            guard header.generation == generation else { return refuse(sender, "another generation") }
            try handle(header, Array(frames.dropFirst()), from: sender)
        }
    }

    private func greet(_ identity: [UInt8], _ hello: AllReduceHeader, challenge: [UInt8]?) {
        // A later generation means that this one is about to end: let it ask again.
        if hello.generation > generation { return refuse(nil, "a hello of a later generation") }
        var reason: AllReduceHeader.Reason?
        if hello.generation != generation {
            reason = .generation
        } else if hello.worldSize != UInt32(worldSize) {
            reason = .worldSize
        } else if hello.segmentFloats != UInt32(options.segmentFloats) {
            reason = .segmentSize
        } else if PayloadFormat(code: hello.code)?.wire != codec.wire {
            reason = .wireFormat
        } else if hello.sender >= UInt32(worldSize) || hello.sender == UInt32(rank) {
            reason = .rank
        } else if let known = peers[Int(hello.sender)].identity, known != identity, lastStep != nil {
            // Nobody takes a rank over once the work has begun.
            reason = .rank
        } else if let other = rankOf[identity], other != Int(hello.sender) {
            reason = .rank
        }
        if let reason {
            refuse(nil, "a hello of rank \(hello.sender) that does not fit (\(reason))")
            return answer(identity, .refusal, reason)
        }
        let sender = Int(hello.sender)
        if let old = peers[sender].identity { rankOf[old] = nil }
        peers[sender].identity = identity
        rankOf[identity] = sender
        answer(identity, .welcome, nil, challenge.flatMap { board?.show($0, to: sender) }?.encoded)
        becomeConnectedIfMet()
    }

    private func answer(
        _ identity: [UInt8], _ kind: AllReduceHeader.Kind, _ reason: AllReduceHeader.Reason?, _ payload: [UInt8]? = nil
    ) {
        // A peer that has gone meanwhile needs no answer.
        let frames = [identity, header(kind, code: reason?.rawValue ?? 0).encoded()] + (payload.map { [$0] } ?? [])
        _ = try? router?.send(frames, wait: false)
    }

    /// Tells a peer that has welcomed us whether we can read its memory, if it showed where.
    func meetInMemory(_ peer: Int, _ location: MemoryLocation?) throws(AllReduceError) {
        guard let location, peers[peer].memory == nil, !options.unreadable.contains(location.pid),
            let memory = PeerMemory(location, challenge: peers[peer].challenge)
        else { return }
        peers[peer].memory = memory
        try send(header(.reader), to: peer)
    }

    private func handle(_ header: AllReduceHeader, _ frames: [ZeroMQMessage], from sender: Int) throws {
        switch header.kind {
        case .begin:
            guard frames.count == 1, header.partialSums == 0 else { return refuse(sender, "a begin with a payload") }
        case .reader:
            guard frames.count == 1, header.partialSums == 0, board != nil else {
                return refuse(sender, "an unexpected \(header.kind)")
            }
            peers[sender].readsMemory = true
            return
        case .taken:
            guard frames.count == 1, header.partialSums == 0, peers[sender].borrowed > 0, header.step == step?.number
            else {
                return refuse(sender, "an unexpected \(header.kind)")
            }
            peers[sender].borrowed -= 1
            step?.lastProgress = Self.now()
            return
        case .contribution where header.code == PayloadFormat.reference,
            .result where header.code == PayloadFormat.reference:
            guard frames.count == 2, frames[1].count == MemoryReference.byteCount, peers[sender].memory != nil else {
                return refuse(sender, "a \(header.kind) in memory that is not shared")
            }
        case .contribution, .result:
            guard frames.count == 2, let format = PayloadFormat(code: header.code),
                format.fits(frames[1].count, count: Int(header.count))
            else { return refuse(sender, "a \(header.kind) whose length is not what its header says") }
            guard format.wire == codec.wire else { return refuse(sender, "a \(header.kind) in another format") }
        case .piggyback:
            guard frames.count == 2, header.partialSums == 0, frames[1].count == Int(header.count),
                frames[1].count <= Reduction.maxPiggybackBytes
            else { return refuse(sender, "a piggyback whose length is not what its header says") }
        case .hello, .welcome, .refusal: return refuse(sender, "an unexpected \(header.kind)")
        }
        if let step, header.step == step.number { return try take(header, frames, from: sender, step) }
        if let lastStep, header.step <= lastStep { return refuse(sender, "a message of a step that is over") }
        try park(header, frames, from: sender)
    }

    /// Keeps a message of a step that this rank has not begun. No peer can be more than one step ahead.
    private func park(
        _ header: AllReduceHeader, _ frames: [ZeroMQMessage], from sender: Int
    ) throws(AllReduceError) {
        guard peers[sender].parkedStep == nil || peers[sender].parkedStep == header.step else {
            throw .incompatiblePeer(peer: address(sender), reason: "it sent messages of several steps to come")
        }
        let bytes = 256 + frames.reduce(0) { $0 + $1.count }
        if step != nil, isParkedFull {
            // The one that is read now need not be the one that sent them.
            let most = peers.indices.max { peers[$0].parkedBytes < peers[$1].parkedBytes } ?? sender
            throw .incompatiblePeer(
                peer: address(most),
                reason: "it sent \(peers[most].parkedBytes >> 20) MiB of the \(parkedBytes >> 20) MiB in "
                    + "\(parked.count) messages that wait for a step to come")
        }
        parked.append(Parked(rank: sender, header: header, frames: frames, bytes: bytes))
        parkedBytes += bytes
        peers[sender].parkedStep = header.step
        peers[sender].parkedBytes += bytes
    }

    func takeParked(for step: AllReduceStep) throws {
        let all = parked
        parked = []
        parkedBytes = 0
        for peer in peers.indices { (peers[peer].parkedStep, peers[peer].parkedBytes) = (nil, 0) }
        for message in all {
            guard message.header.step == step.number else {
                throw AllReduceError.incompatiblePeer(
                    peer: address(message.rank),
                    reason: "it sent a message of step \(message.header.step) before step \(step.number)")
            }
            let refused = refusedCount
            try take(message.header, message.frames, from: message.rank, step)
            if refusedCount > refused { try misbehaved(message.rank) }
        }
    }

    /// A message of the step under way, its lengths checked against themselves.
    private func take(
        _ header: AllReduceHeader, _ frames: [ZeroMQMessage], from sender: Int, _ step: AllReduceStep
    ) throws {
        if header.kind == .begin {
            guard !step.begun[sender] else { return refuse(sender, "a begin twice") }
            step.begun[sender] = true
            step.lastProgress = Self.now()
            return
        }
        if header.kind == .piggyback {
            guard step.piggybacks[sender] == nil else { return refuse(sender, "a piggyback twice") }
            step.piggybacks[sender] = frames[1].array
            step.lastProgress = Self.now()
            return
        }
        let plan = step.plan
        guard let offset = Int(exactly: header.offset),
            let number = plan.segment(bucket: Int(header.bucket), offset: offset),
            plan.segments[number].range.count == Int(header.count)
        else { return refuse(sender, "a \(header.kind) for a range that is no segment") }
        let segment = plan.segments[number]
        if header.kind == .contribution {
            let node = TreeNode(level: Int(header.nodeLevel), index: Int(header.nodeIndex))
            guard segment.owner == rank, header.partialSums == 0,
                let input = plan.inputs.firstIndex(where: {
                    $0.rank == sender && $0.node.level == node.level && $0.node.index == node.index
                })
            else { return refuse(sender, "a contribution that is not its to make") }
            // Done segments have given their payloads back: the count tells them from those that wait.
            guard step.missing[number] > 0, step.payloads[number][input] == nil else {
                return refuse(sender, "a contribution twice")
            }
            guard let floats = try received(frames[1], header, from: sender) else {
                if header.code != PayloadFormat.reference { refuse(sender, "a contribution that cannot be read") }
                return
            }
            step.payloads[number][input] = .received(floats)
            step.missing[number] -= 1
            step.lastProgress = Self.now()
            if step.missing[number] == 0 { try reduce(number, step) }
        } else {
            guard segment.owner == sender, Int(header.partialSums) == segment.chunkCount else {
                return refuse(sender, "a result that is not its to give")
            }
            guard step.missing[number] > 0 else { return refuse(sender, "a result twice") }
            // The owner cannot know the sum before it has our part; until then the range is still being computed.
            guard plan.leaves.isEmpty || step.submitted[segment.bucket] else {
                return refuse(sender, "a result before this rank's contributions")
            }
            guard try store(frames, header, number, step, from: sender) else {
                if header.code != PayloadFormat.reference { refuse(sender, "a result that cannot be read") }
                return
            }
            step.lastProgress = Self.now()
        }
    }

    /// The floats of a contribution; nil if it does not hold them.
    private func received(
        _ frame: ZeroMQMessage, _ header: AllReduceHeader, from sender: Int
    ) throws(AllReduceError) -> ReceivedFloats? {
        if header.code == PayloadFormat.reference {
            var outcome = PeerMemory.Outcome.withdrawn
            let floats = ReceivedFloats(count: Int(header.count)) {
                outcome = borrow(frame, count: Int(header.count), from: sender, to: $0)
                return outcome == .read
            }
            guard try holds(outcome, from: sender) else { return nil }
            return floats
        }
        guard let format = PayloadFormat(code: header.code) else { return nil }
        if format == PayloadFormat(wire: .float32, isCompressed: false) { return ReceivedFloats(frame) }
        return ReceivedFloats(count: Int(header.count)) { to in
            frame.withBytes { codec.decode($0, format, count: Int(header.count), to: to) }
        }
    }

    /// Reads floats in the memory of `sender`.
    private func borrow(
        _ frame: ZeroMQMessage, count: Int, from sender: Int, to: UnsafeMutablePointer<Float>
    ) -> PeerMemory.Outcome {
        guard let memory = peers[sender].memory, let reference = frame.withBytes(MemoryReference.init) else {
            return .withdrawn
        }
        return memory.read(reference, count: count, to: to)
    }

    /// Tells `sender` that what it lent was read. False if it did not hold any more: then it is gone, or has failed and
    /// is about to close its connection, which is what this rank will name.
    private func holds(_ outcome: PeerMemory.Outcome, from sender: Int) throws(AllReduceError) -> Bool {
        switch outcome {
        case .read:
            try send(header(.taken), to: sender)
            return true
        case .withdrawn:
            peers[sender].withdrewAt = peers[sender].withdrewAt ?? Self.now()
            return false
        case .unreadable(let code): throw unreadable(sender, String(cString: strerror(code)))
        }
    }

    /// Puts a result in its place; false if it does not hold what it should.
    private func store(
        _ frames: [ZeroMQMessage], _ header: AllReduceHeader, _ number: Int, _ step: AllReduceStep, from sender: Int
    ) throws(AllReduceError) -> Bool {
        let segment = step.plan.segments[number]
        let to = step.result + segment.range.lowerBound
        if header.code == PayloadFormat.reference {
            let outcome = borrow(frames[1], count: segment.range.count, from: sender, to: to)
            guard try holds(outcome, from: sender) else { return false }
        } else {
            guard let format = PayloadFormat(code: header.code),
                frames[1].withBytes({ codec.decode($0, format, count: segment.range.count, to: to) })
            else { return false }
        }
        frames[0].withBytes { header in
            for i in 0..<segment.chunkCount {
                let bits = header.loadUnaligned(fromByteOffset: AllReduceHeader.byteCount + 8 * i, as: UInt64.self)
                step.partialSums[segment.firstChunk + i] = Double(bitPattern: UInt64(littleEndian: bits))
            }
        }
        step.missing[number] = 0
        step.segmentsLeft -= 1
        return true
    }
}
