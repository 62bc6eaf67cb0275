import Collectives
import Foundation
import Numerics

extension WorkerMessage {
    /// The frames to send, without the routing id.
    func frames() -> [[UInt8]] {
        var envelope = PBEnvelope()
        envelope.generation = generation
        envelope.step = step
        var payload: Data?
        switch body {
        case .hello(let worker, let runID, let hasState):
            envelope.hello = .with {
                $0.runID = runID
                $0.hasState_p = hasState
                $0.host = WireFormat.clipped(worker.host)
                $0.pid = UInt32(clamping: worker.pid)
                $0.threads = UInt32(clamping: worker.threads)
                $0.cpuModel = WireFormat.clipped(worker.cpu)
                $0.instructionSet = worker.instructionSet
                $0.dataKey = Data(worker.dataKey?.bytes ?? [])
            }
        case .chunkRequest(let part, let range):
            envelope.chunkRequest = .with {
                $0.part = PBPart(rawValue: part.rawValue) ?? .unspecified
                $0.first = UInt32(clamping: range.lowerBound)
                $0.count = UInt32(clamping: range.count)
            }
        case .bound(let endpoint, let hasState, let records):
            envelope.bound = .with {
                $0.endpoint = endpoint
                $0.hasState_p = hasState
                $0.records = records.map { record in
                    .with {
                        $0.step = record.step
                        $0.lossSums = record.lossSums
                        $0.gradientNorm = record.gradientNorm
                    }
                }
            }
        case .ready: envelope.ready = PBReady()
        case .stepReport(let report):
            envelope.stepReport = .with {
                $0.lossSums = report.lossSums
                $0.gradientNorm = report.gradientNorm
                $0.computeSeconds = report.computeSeconds
                $0.allreduceSeconds = report.allreduceSeconds
                $0.stepSeconds = report.stepSeconds
                $0.residentBytes = report.residentBytes
                $0.bytesSent = report.bytesSent
            }
        case .evaluationReport(let id, let parts):
            envelope.evaluationReport = .with {
                $0.id = id
                $0.microBatches = parts.map { part in
                    .with {
                        ($0.losses, $0.metrics) = (part.losses, part.metrics)
                        $0.targets = part.targetCounts?.map { UInt32(clamping: $0) } ?? []
                    }
                }
            }
        case .digest(let digest): envelope.digest = .with { $0.weightsSha256 = digest }
        case .failure(let failure):
            envelope.failure = .with {
                $0.kind = PBFailureKind(rawValue: failure.kind.rawValue) ?? .failureFatal
                $0.phase = WireFormat.clipped(failure.phase)
                $0.message = WireFormat.clipped(failure.message)
                $0.peers = failure.peers.map { UInt32(clamping: $0) }
                $0.microBatchPlusOne = failure.microBatch.map { UInt32(clamping: $0 + 1) } ?? 0
            }
        case .heartbeat(let bytes): envelope.heartbeat = .with { $0.residentBytes = bytes }
        case .snapshotTaken: envelope.snapshotTaken = PBSnapshotTaken()
        case .statusRequest: envelope.statusRequest = PBStatusRequest()
        case .chunk(let part, let index, let bytes):
            envelope.chunk = .with {
                $0.part = PBPart(rawValue: part.rawValue) ?? .unspecified
                $0.index = UInt32(clamping: index)
            }
            payload = bytes
        }
        return WireFormat.frames(envelope, payload: payload)
    }

    /// The message in frames without the routing id.
    ///
    /// - Throws: if it is anything but a well-formed message of a worker within the limits.
    init(
        frames: [UnsafeRawBufferPointer], owner: (any AnyObject & Sendable)? = nil
    ) throws(ProtocolError) {
        let (envelope, payload) = try WireFormat.envelope(frames, owner: owner, limit: ControlLimits.reportBytes)
        generation = envelope.generation
        step = envelope.step
        body = try Self.body(envelope, payload)
    }

    private static func body(_ envelope: PBEnvelope, _ payload: Data?) throws(ProtocolError) -> Body {
        switch envelope.body {
        case .hello(let hello):
            guard (1...ControlLimits.maxThreads).contains(Int(hello.threads)) else {
                throw ProtocolError("a worker of \(hello.threads) threads")
            }
            // 0 stands for a child whose process id is not known yet.
            guard hello.pid > 0 else { throw ProtocolError("a worker without a process id") }
            guard hello.dataKey.isEmpty || hello.dataKey.count == CurvePublicKey.byteCount else {
                throw ProtocolError("a key of \(hello.dataKey.count) bytes")
            }
            return .hello(
                WorkerDescription(
                    host: try WireFormat.name(hello.host, "a host name"), pid: Int(hello.pid),
                    threads: Int(hello.threads), cpu: try WireFormat.name(hello.cpuModel, "a processor's name"),
                    instructionSet: try WireFormat.name(hello.instructionSet, "an instruction set"),
                    dataKey: CurvePublicKey(bytes: hello.dataKey)),
                runID: try WireFormat.shownText(hello.runID, "a run's id"), hasState: hello.hasState_p)
        case .chunkRequest(let request):
            guard (1...ControlLimits.chunkCredit).contains(Int(request.count)) else {
                throw ProtocolError("a request for \(request.count) chunks")
            }
            return .chunkRequest(
                try WireFormat.part(request.part), Int(request.first)..<(Int(request.first) + Int(request.count)))
        case .bound(let bound): return try Self.bound(bound)
        case .ready: return .ready
        case .stepReport(let report): return .stepReport(try stepReport(report))
        case .evaluationReport(let report):
            return .evaluationReport(id: report.id, try evaluation(report))
        case .digest(let digest): return .digest(try WireFormat.digest(digest.weightsSha256))
        case .failure(let failure): return .failure(try workerFailure(failure))
        case .heartbeat(let heartbeat):
            return .heartbeat(residentBytes: try WireFormat.bytes(heartbeat.residentBytes, "resident memory"))
        case .chunk(let chunk):
            let (part, index, bytes) = try WireFormat.chunk(chunk, payload)
            return .chunk(part, index: index, payload: bytes)
        case .snapshotTaken: return .snapshotTaken
        case .statusRequest: return .statusRequest
        case .refusal, .welcome, .membership, .peers, .stepOrder, .evaluationOrder, .digestRequest, .stateRequest,
            .abandon, .shutdown, .snapshotRequest, .snapshotRelease, .helloRequest, .status, nil:
            throw ProtocolError("a message that no worker sends")
        }
    }

    private static func bound(_ bound: PBBound) throws(ProtocolError) -> Body {
        guard bound.records.count <= ControlLimits.maxRecords else {
            throw ProtocolError("records of \(bound.records.count) steps")
        }
        var records: [StepRecord] = []
        for record in bound.records {
            guard records.last.map({ $0.step < record.step }) ?? true else {
                throw ProtocolError("records out of order")
            }
            records.append(
                StepRecord(
                    step: try WireFormat.step(record.step), lossSums: try WireFormat.losses(record.lossSums),
                    gradientNorm: try WireFormat.norm(record.gradientNorm)))
        }
        return .bound(
            endpoint: try WireFormat.endpoint(bound.endpoint), hasState: bound.hasState_p,
            records: records)
    }

    private static func evaluation(_ report: PBEvaluationReport) throws(ProtocolError) -> [MicroBatchMetrics] {
        guard report.microBatches.count <= ReductionTree.maxLeafCount else {
            throw ProtocolError("metrics of \(report.microBatches.count) micro-batches")
        }
        let examples = report.microBatches.reduce(0) { $0 + $1.losses.count }
        guard examples <= ControlLimits.maxEvaluationExamples else {
            throw ProtocolError("losses of \(examples) examples")
        }
        var parts: [MicroBatchMetrics] = []
        for part in report.microBatches {
            // What is not finite is looked into; what is finite can be added up.
            if let loss = part.losses.first(where: { $0.isFinite && abs($0) > ControlLimits.maxMagnitude }) {
                throw ProtocolError("a loss of \(loss)")
            }
            guard part.targets.isEmpty || part.targets.count == part.losses.count else {
                throw ProtocolError("\(part.targets.count) counts of targets for \(part.losses.count) examples")
            }
            parts.append(
                MicroBatchMetrics(
                    losses: part.losses, targetCounts: part.targets.isEmpty ? nil : part.targets.map { Int($0) },
                    metrics: try WireFormat.text(
                        part.metrics, "metrics of a micro-batch", limit: ControlLimits.metricsText)))
        }
        return parts
    }

    private static func stepReport(_ report: PBStepReport) throws(ProtocolError) -> StepReport {
        StepReport(
            lossSums: try WireFormat.losses(report.lossSums),
            gradientNorm: try WireFormat.norm(report.gradientNorm),
            computeSeconds: try WireFormat.seconds(report.computeSeconds, "a step"),
            allreduceSeconds: try WireFormat.seconds(report.allreduceSeconds, "an all-reduce"),
            stepSeconds: try WireFormat.seconds(report.stepSeconds, "a step"),
            residentBytes: try WireFormat.bytes(report.residentBytes, "resident memory"),
            bytesSent: try WireFormat.bytes(report.bytesSent, "gradients"))
    }

    private static func workerFailure(_ failure: PBFailure) throws(ProtocolError) -> WorkerFailure {
        guard let kind = WorkerFailure.Kind(rawValue: failure.kind.rawValue) else {
            throw ProtocolError("a failure of an unknown kind")
        }
        guard failure.peers.count <= ControlLimits.maxWorkers else {
            throw ProtocolError("a failure that blames \(failure.peers.count) peers")
        }
        return WorkerFailure(
            kind: kind, phase: try WireFormat.shownText(failure.phase, "a phase"),
            message: try WireFormat.shownText(failure.message, "a message"), peers: failure.peers.map { Int($0) },
            microBatch: failure.microBatchPlusOne == 0 ? nil : Int(failure.microBatchPlusOne) - 1)
    }
}
