import Collectives
import Foundation
import Numerics

extension CoordinatorMessage {
    /// The frames to send, without the routing id.
    func frames() -> [[UInt8]] {
        var envelope = PBEnvelope()
        envelope.generation = generation
        envelope.step = step
        var payload: Data?
        switch body {
        case .refusal(let reason): envelope.refusal = .with { $0.reason = WireFormat.clipped(reason) }
        case .welcome(let welcome):
            envelope.welcome = .with {
                $0.modelSpecification = welcome.modelSpecification
                $0.hyperparameters = welcome.hyperparameters
                $0.seed = welcome.seed
                $0.weightCount = UInt64(clamping: welcome.shape.weights)
                $0.momentCount = UInt64(clamping: welcome.shape.moments)
                $0.heartbeatTimeout = welcome.heartbeatTimeout
                $0.orphanTimeout = welcome.orphanTimeout
                $0.runID = welcome.runID
                $0.wire = welcome.wire.rawValue
                $0.compressesWire = welcome.compressesWire
                $0.firstStep = welcome.firstStep
            }
        case .helloRequest: envelope.helloRequest = PBHelloRequest()
        case .chunk(let part, let index, let bytes):
            envelope.chunk = .with {
                $0.part = PBPart(rawValue: part.rawValue) ?? .unspecified
                $0.index = UInt32(clamping: index)
            }
            payload = bytes
        case .membership(let rank, let worldSize, let keys):
            envelope.membership = .with {
                $0.dataKeys = keys.map { Data($0.bytes) }
                $0.rank = UInt32(clamping: rank)
                $0.worldSize = UInt32(clamping: worldSize)
            }
        case .peers(let endpoints, let load):
            envelope.peers = .with {
                $0.endpoints = endpoints
                $0.load = load.map { item in
                    .with {
                        $0.part = PBPart(rawValue: item.part.rawValue) ?? .unspecified
                        $0.sha256 = item.sha256 ?? ""
                    }
                }
            }
        case .step(let order): envelope.stepOrder = Self.encode(order)
        case .evaluate(let id, let batches):
            envelope.evaluationOrder = .with {
                $0.id = id
                $0.batches = BatchCoding.encode(batches)
            }
        case .digestRequest: envelope.digestRequest = PBDigestRequest()
        case .stateRequest(let part, let index):
            envelope.stateRequest = .with {
                $0.part = PBPart(rawValue: part.rawValue) ?? .unspecified
                $0.index = UInt32(clamping: index)
            }
        case .snapshotRequest(let parts):
            envelope.snapshotRequest = .with {
                $0.parts = parts.map { PBPart(rawValue: $0.rawValue) ?? .unspecified }
            }
        case .snapshotRelease: envelope.snapshotRelease = PBSnapshotRelease()
        case .abandon(let reason): envelope.abandon = .with { $0.reason = WireFormat.clipped(reason) }
        case .shutdown(let reason, let isComplete):
            envelope.shutdown = .with { ($0.reason, $0.complete) = (WireFormat.clipped(reason), isComplete) }
        case .heartbeat(let wantsReply): envelope.heartbeat = .with { $0.wantsReply = wantsReply }
        case .status(let json): envelope.status = .with { $0.json = json }
        }
        return WireFormat.frames(envelope, payload: payload)
    }

    private static func encode(_ order: StepOrder) -> PBStepOrder {
        PBStepOrder.with {
            $0.learningRate = order.learningRate
            $0.microBatchCount = UInt32(clamping: order.microBatchCount)
            $0.firstMicroBatches = order.partition.map { UInt32(clamping: $0.lowerBound) }
            $0.gradientDivisor = order.gradientDivisor
            var previous: Int32 = 0
            $0.embeddingRows = order.embeddingRows.map { row in
                defer { previous = row }
                return UInt32(bitPattern: row &- previous)
            }
            $0.batches = BatchCoding.encode(order.batches)
        }
    }

    /// The message in frames.
    ///
    /// - Throws: if it is anything but a well-formed message of a coordinator within the limits. A refusal is read
    ///   whatever the sender's version is.
    init(
        frames: [UnsafeRawBufferPointer], owner: (any AnyObject & Sendable)? = nil
    ) throws(ProtocolError) {
        let (envelope, payload) = try WireFormat.envelope(frames, owner: owner, limit: ControlLimits.orderBytes)
        generation = envelope.generation
        step = envelope.step
        body = try Self.body(envelope, payload)
    }

    private static func body(_ envelope: PBEnvelope, _ payload: Data?) throws(ProtocolError) -> Body {
        switch envelope.body {
        case .refusal(let refusal): return .refusal(try WireFormat.shownText(refusal.reason, "a reason"))
        case .welcome(let welcome): return .welcome(try decode(welcome))
        case .chunk(let chunk):
            let (part, index, bytes) = try WireFormat.chunk(chunk, payload)
            return .chunk(part, index: index, payload: bytes)
        case .membership(let membership):
            let worldSize = Int(membership.worldSize)
            guard (1...ControlLimits.maxWorkers).contains(worldSize), Int(membership.rank) < worldSize else {
                throw ProtocolError("rank \(membership.rank) in a world of \(worldSize)")
            }
            guard membership.dataKeys.isEmpty || membership.dataKeys.count == worldSize else {
                throw ProtocolError("\(membership.dataKeys.count) keys in a world of \(worldSize)")
            }
            var keys: [CurvePublicKey] = []
            for bytes in membership.dataKeys {
                guard let key = CurvePublicKey(bytes: bytes) else {
                    throw ProtocolError("a key of \(bytes.count) bytes")
                }
                keys.append(key)
            }
            return .membership(rank: Int(membership.rank), worldSize: worldSize, keys: keys)
        case .peers(let peers):
            guard (1...ControlLimits.maxWorkers).contains(peers.endpoints.count) else {
                throw ProtocolError("a world of \(peers.endpoints.count)")
            }
            var endpoints: [String] = []
            for endpoint in peers.endpoints { endpoints.append(try WireFormat.endpoint(endpoint)) }
            guard peers.load.count <= StatePart.allCases.count else { throw ProtocolError("too many parts to load") }
            var load: [PartToLoad] = []
            for item in peers.load {
                let part = try WireFormat.part(item.part)
                guard !load.contains(where: { $0.part == part }) else { throw ProtocolError("a part to load twice") }
                load.append(
                    PartToLoad(part: part, sha256: item.sha256.isEmpty ? nil : try WireFormat.digest(item.sha256)))
            }
            return .peers(endpoints, load: load)
        case .stepOrder(let order): return .step(try decode(order))
        case .evaluationOrder(let order):
            return .evaluate(id: order.id, batches: try BatchCoding.decode(order.batches))
        case .digestRequest: return .digestRequest
        case .stateRequest(let request):
            return .stateRequest(try WireFormat.part(request.part), index: Int(request.index))
        case .abandon(let abandon): return .abandon(try WireFormat.shownText(abandon.reason, "a reason"))
        case .shutdown(let shutdown):
            return .shutdown(
                try WireFormat.shownText(shutdown.reason, "a reason"), isComplete: shutdown.complete)
        case .snapshotRequest(let request):
            var parts: [StatePart] = []
            for part in request.parts {
                let part = try WireFormat.part(part)
                guard !parts.contains(part) else { throw ProtocolError("a part to copy twice") }
                parts.append(part)
            }
            return .snapshotRequest(parts)
        case .snapshotRelease: return .snapshotRelease
        case .helloRequest: return .helloRequest
        case .status(let status):
            return .status(try WireFormat.text(status.json, "a status", limit: ControlLimits.longText))
        case .heartbeat(let heartbeat): return .heartbeat(wantsReply: heartbeat.wantsReply)
        case .hello, .chunkRequest, .bound, .ready, .stepReport, .evaluationReport, .digest, .failure, .snapshotTaken,
            .statusRequest, nil:
            throw ProtocolError("a message that no coordinator sends")
        }
    }

    private static func decode(_ welcome: PBWelcome) throws(ProtocolError) -> Welcome {
        guard welcome.weightCount > 0, welcome.weightCount <= UInt64(ControlLimits.maxWeightCount) else {
            throw ProtocolError("a model of \(welcome.weightCount) floats")
        }
        guard welcome.momentCount > 0, welcome.momentCount <= welcome.weightCount else {
            throw ProtocolError("moments of \(welcome.momentCount) floats for \(welcome.weightCount) weights")
        }
        let timeout = welcome.heartbeatTimeout
        guard timeout.isFinite, timeout > 0, timeout < 1e6 else {
            throw ProtocolError("a heartbeat time-out of \(timeout) seconds")
        }
        let orphanTimeout = welcome.orphanTimeout
        guard orphanTimeout.isFinite, orphanTimeout >= 0, orphanTimeout <= 1e6 else {
            throw ProtocolError("an orphan time-out of \(orphanTimeout) seconds")
        }
        guard let wire = WirePrecision(rawValue: welcome.wire) else {
            throw ProtocolError("a wire format that is not known here")
        }
        return Welcome(
            modelSpecification: try WireFormat.text(
                welcome.modelSpecification, "a model", limit: ControlLimits.longText),
            hyperparameters: try WireFormat.text(welcome.hyperparameters, "hyperparameters"), seed: welcome.seed,
            shape: StateShape(weights: Int(welcome.weightCount), moments: Int(welcome.momentCount)),
            firstStep: try WireFormat.step(welcome.firstStep), heartbeatTimeout: timeout,
            orphanTimeout: orphanTimeout,
            runID: try WireFormat.shownText(welcome.runID, "a run's id"),
            wire: wire, compressesWire: welcome.compressesWire)
    }

    private static func decode(_ order: PBStepOrder) throws(ProtocolError) -> StepOrder {
        let microBatches = Int(order.microBatchCount)
        guard (1...ReductionTree.maxLeafCount).contains(microBatches) else {
            throw ProtocolError("a step of \(microBatches) micro-batches")
        }
        guard order.gradientDivisor > 0, order.gradientDivisor <= ControlLimits.maxGradientDivisor else {
            throw ProtocolError("a gradient divided by \(order.gradientDivisor)")
        }
        guard order.learningRate.isFinite, order.learningRate >= 0 else {
            throw ProtocolError("a learning rate of \(order.learningRate)")
        }
        guard (1...ControlLimits.maxWorkers).contains(order.firstMicroBatches.count), order.firstMicroBatches[0] == 0
        else {
            throw ProtocolError("micro-batches dealt to \(order.firstMicroBatches.count) ranks")
        }
        var partition: [Range<Int>] = []
        for (rank, first) in order.firstMicroBatches.enumerated() {
            let next = rank + 1 < order.firstMicroBatches.count ? Int(order.firstMicroBatches[rank + 1]) : microBatches
            guard Int(first) <= next, next <= microBatches else {
                throw ProtocolError("micro-batches dealt out of order")
            }
            partition.append(Int(first)..<next)
        }
        var rows: [Int32] = []
        rows.reserveCapacity(order.embeddingRows.count)
        var previous: Int64 = 0
        for (i, difference) in order.embeddingRows.enumerated() {
            previous += Int64(difference)
            guard previous <= Int64(Int32.max), i == 0 || difference > 0 else {
                throw ProtocolError("embedding rows out of order")
            }
            rows.append(Int32(previous))
        }
        return StepOrder(
            learningRate: order.learningRate, microBatchCount: microBatches, partition: partition,
            gradientDivisor: order.gradientDivisor, embeddingRows: rows,
            batches: try BatchCoding.decode(order.batches))
    }
}
