import Collectives
import Foundation
import Modeling
import Training

@testable import Cluster

/// Values to test with.
enum Samples {
    static let process = RunStatus.Process(pid: 1, host: "h", time: 1e9)
    static let digest = String(repeating: "0a", count: 32)

    static func batch(_ lengths: [Int], targets: Targets) -> PackedBatch {
        var batch = batch(lengths, labels: false)
        batch.targets = targets
        return batch
    }

    static func batch(_ lengths: [Int] = [3, 1], labels: Bool = true, types: Bool = false) -> PackedBatch {
        var batch = PackedBatch()
        for (i, length) in lengths.enumerated() {
            batch.append(
                tokenIDs: (0..<length).map { Int32($0 + i) }, typeIDs: (0..<length).map { types ? Int32($0 % 2) : 0 },
                sampleKey: UInt32(i * 7), target: labels ? .classIndex(Int32(i % 3)) : .none)
        }
        return batch
    }

    static let keys = (1...3).compactMap { CurvePublicKey(bytes: [UInt8](repeating: $0, count: 32)) }

    static let workerMessages: [WorkerMessage] = {
        let bodies: [WorkerMessage.Body] = [
            .hello(
                WorkerDescription(
                    host: "cassiopeia", pid: 4711, threads: 2, cpu: "Some Processor", instructionSet: "AVX2"),
                runID: "0af3", hasState: true),
            .hello(
                WorkerDescription(
                    host: "h", pid: 1, threads: 1, cpu: "c", instructionSet: "i", dataKey: keys[1]), runID: "",
                hasState: false),
            .chunkRequest(.firstMoment, 8..<16),
            .bound(
                endpoint: "ipc:///run/x/data-1", hasState: true,
                records: [StepRecord(step: 3, lossSums: [1, -1e40], gradientNorm: 0.5)]), .ready,
            .stepReport(
                StepReport(
                    lossSums: [1.5, -0.25, 0], gradientNorm: 2, computeSeconds: 0.5, allreduceSeconds: 0.25,
                    stepSeconds: 0.75, residentBytes: 1 << 30, bytesSent: 99)),
            .evaluationReport(
                id: 7,
                [
                    MicroBatchMetrics(losses: [0.5, -1e40, .infinity], metrics: "{}"),
                    MicroBatchMetrics(losses: [], metrics: ""),
                    MicroBatchMetrics(losses: [2, 0], targetCounts: [3, 0], metrics: ""),
                ]), .digest(digest),
            .failure(
                WorkerFailure(kind: .nonFinite, phase: "step 3", message: "the loss", peers: [1, 2], microBatch: 0)),
            .failure(WorkerFailure(kind: .peer, phase: "", message: "")), .heartbeat(residentBytes: 12),
            .chunk(.secondMoment, index: 3, payload: Data([0, 0, 128, 63])), .snapshotTaken, .statusRequest,
        ]
        return bodies.enumerated().map { WorkerMessage(generation: UInt64($0), step: 5, body: $1) }
    }()

    static let coordinatorMessages: [CoordinatorMessage] = {
        let bodies: [CoordinatorMessage.Body] = [
            .refusal("no"),
            .welcome(
                Welcome(
                    modelSpecification: "{}", hyperparameters: "{}", seed: .max,
                    shape: StateShape(weights: 1 << 20, moments: 1 << 19), firstStep: 12,
                    heartbeatTimeout: 5, orphanTimeout: 60, runID: "0af3", wire: .bf16, compressesWire: true)),
            .chunk(.weights, index: 0, payload: Data(repeating: 1, count: 16)), .membership(rank: 1, worldSize: 3),
            .membership(rank: 1, worldSize: 3, keys: keys),
            .peers(
                ["ipc:///a", "ipc:///b"],
                load: [PartToLoad(part: .weights, sha256: digest), PartToLoad(part: .secondMoment, sha256: nil)]),
            .step(
                StepOrder(
                    learningRate: 1e-4, microBatchCount: 5, partition: [0..<2, 2..<2, 2..<5], gradientDivisor: 9,
                    embeddingRows: [0, 1, 5, 30_000], batches: [batch(types: true), batch([2])])),
            .step(
                StepOrder(
                    learningRate: 0, microBatchCount: 1, partition: [0..<0, 0..<1], gradientDivisor: 1,
                    embeddingRows: [4],
                    batches: [])),
            .evaluate(id: 3, batches: [batch(labels: false)]),
            .evaluate(
                id: 4,
                batches: [
                    batch([2, 1], targets: .values([1, -2, 0.5, 0], width: 2)),
                    batch([1], targets: .values([3, 4], width: 2)),
                ]),
            .evaluate(
                id: 5,
                batches: [batch([2, 1], targets: .tokens([-1, 3, 0])), batch([1], targets: .tokens([-1]))]),
            .digestRequest, .stateRequest(.firstMoment, index: 12),
            .abandon("a"), .shutdown("b"), .shutdown("c", isComplete: true), .heartbeat(wantsReply: true),
            .heartbeat(wantsReply: false),
            .snapshotRequest([.weights, .firstMoment]), .snapshotRelease, .helloRequest, .status("{}"),
        ]
        return bodies.enumerated().map { CoordinatorMessage(generation: UInt64($0), step: 2, body: $1) }
    }()

    /// Calls `body` with frames as a socket would give them.
    static func withFrames<R>(
        _ frames: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) throws(ProtocolError) -> R
    ) throws(ProtocolError) -> R {
        let copies = frames.map { bytes -> UnsafeMutableRawBufferPointer in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
            copy.copyBytes(from: bytes)
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        return try body(copies.map { UnsafeRawBufferPointer($0) })
    }

    static func decodeWorker(_ frames: [[UInt8]]) throws(ProtocolError) -> WorkerMessage {
        try withFrames(frames) { frames throws(ProtocolError) in try WorkerMessage(frames: frames) }
    }

    static func decodeCoordinator(_ frames: [[UInt8]]) throws(ProtocolError) -> CoordinatorMessage {
        try withFrames(frames) { frames throws(ProtocolError) in try CoordinatorMessage(frames: frames) }
    }
}
