import Foundation
import Modeling
import Numerics
import Testing

@testable import Cluster

@Suite struct ControlProtocolTests {
    @Test func `worker messages come back as they were`() throws {
        for message in Samples.workerMessages {
            let again = try Samples.decodeWorker(message.frames())
            #expect(again == message)
        }
    }

    @Test func `coordinator messages come back as they were`() throws {
        for message in Samples.coordinatorMessages {
            #expect(try Samples.decodeCoordinator(message.frames()) == message)
        }
    }

    @Test func `a message of the other side is refused`() {
        // Chunks and heartbeats go both ways.
        for message in Samples.coordinatorMessages {
            switch message.body {
            case .chunk, .heartbeat: break
            default: #expect(throws: ProtocolError.self) { try Samples.decodeWorker(message.frames()) }
            }
        }
        for message in Samples.workerMessages {
            switch message.body {
            case .chunk, .heartbeat: break
            default: #expect(throws: ProtocolError.self) { try Samples.decodeCoordinator(message.frames()) }
            }
        }
    }

    @Test func `keys that are none are refused`() throws {
        func frames(_ change: (inout PBEnvelope) -> Void) -> [[UInt8]] {
            var envelope = PBEnvelope()
            change(&envelope)
            return WireFormat.frames(envelope, payload: nil)
        }
        func membership(_ keys: [Data]) -> [[UInt8]] {
            frames {
                $0.membership = .with {
                    $0.worldSize = 2
                    $0.dataKeys = keys
                }
            }
        }
        let good = Data(repeating: 5, count: 32)
        _ = try Samples.decodeCoordinator(membership([good, good]))
        for keys in [[good], [good, good, good], [good, Data()], [good, good.dropLast()], [good, good + [1]]] {
            #expect(throws: ProtocolError.self) { try Samples.decodeCoordinator(membership(keys)) }
        }
        for key in [good.dropLast(), good + [1], Data(count: 1 << 16)] {
            #expect(throws: ProtocolError.self) {
                try Samples.decodeWorker(
                    frames {
                        $0.hello = .with {
                            $0.threads = 1
                            $0.dataKey = key
                        }
                    })
            }
        }
    }

    @Test func `another version is named`() throws {
        var frames = Samples.workerMessages[0].frames()
        frames[0] = Preamble.bytes(version: 300)
        do {
            _ = try Samples.decodeWorker(frames)
            Issue.record("accepted")
        } catch {
            #expect(error.otherVersion == 300)
            #expect(error.description.contains("version 300"))
        }
    }

    @Test(
        arguments: [
            [], [[]], [[1, 2, 3]], [Preamble.bytes()], [Preamble.bytes(), []], [Preamble.bytes(), [0xff, 0xff, 0xff]],
            [Preamble.bytes(), [], [], []], [Array("GET / HT".utf8), Array("TP/1.1".utf8)],
        ] as [[[UInt8]]])
    func `garbage is refused`(_ frames: [[UInt8]]) {
        #expect(throws: ProtocolError.self) { try Samples.decodeWorker(frames) }
        #expect(throws: ProtocolError.self) { try Samples.decodeCoordinator(frames) }
    }

    @Test func `an envelope beyond the limit is refused unread`() {
        let frames = [Preamble.bytes(), [UInt8](repeating: 8, count: ControlLimits.reportBytes + 1)]
        do {
            _ = try Samples.decodeWorker(frames)
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("bytes"))
        }
    }

    private func envelope(_ fill: (inout PBEnvelope) -> Void) throws -> [[UInt8]] {
        var envelope = PBEnvelope()
        fill(&envelope)
        return [Preamble.bytes(), try envelope.serializedBytes()]
    }

    /// A report of an evaluation whose micro-batches have these losses.
    private func evaluation(
        microBatches: Int = 2, metrics: String = "{}", _ losses: @escaping (Int) -> [Double]
    ) -> (inout PBEnvelope) -> Void {
        { envelope in
            envelope.evaluationReport = .with {
                $0.microBatches = (0..<microBatches).map { number in
                    .with { ($0.losses, $0.metrics) = (losses(number), metrics) }
                }
            }
        }
    }

    @Test func `reports out of bounds are refused`() throws {
        let cases: [(inout PBEnvelope) -> Void] = [
            { $0.hello = .with { $0.threads = 0 } },
            {
                $0.hello = .with {
                    $0.threads = 1
                    $0.host = String(repeating: "x", count: 5000)
                }
            },
            { $0.chunkRequest = .with { $0.count = 0 } }, { $0.chunkRequest = .with { $0.count = 1_000_000 } },
            { $0.digest = .with { $0.weightsSha256 = "zz" } }, { $0.failure = .with { $0.kind = .failureUnspecified } },
            { $0.failure = .with { $0.kind = .UNRECOGNIZED(77) } },
            { $0.stepReport = .with { $0.computeSeconds = .nan } },
            { $0.stepReport = .with { $0.allreduceSeconds = -1 } },
            { $0.stepReport = .with { $0.lossSums = [Double](repeating: 0, count: ReductionTree.maxLeafCount + 1) } },
            evaluation { _ in [Double](repeating: 0, count: ControlLimits.maxEvaluationExamples / 2 + 1) },
            evaluation { $0 == 0 ? [1, 2e100] : [1] }, evaluation { _ in [-1e308] },
            evaluation(metrics: String(repeating: " ", count: ControlLimits.metricsText + 1)) { _ in [1] },
            evaluation(microBatches: ReductionTree.maxLeafCount + 1) { _ in [] },
            { $0.chunk = .with { $0.part = .weights } },
        ]
        for fill in cases {
            let frames = try envelope(fill)
            #expect(throws: ProtocolError.self) { try Samples.decodeWorker(frames) }
        }
    }

    @Test func `orders that do not fit together are refused`() throws {
        func batches(_ change: (inout PBBatches) -> Void) -> PBBatches {
            var message = BatchCoding.encode([Samples.batch()])
            change(&message)
            return message
        }
        let bad: [PBBatches] = [
            batches { $0.sequences = [3] }, batches { $0.sequences = [0, 2] }, batches { $0.lengths = [3, 2] },
            batches { $0.lengths = [.max, .max] }, batches { $0.tokenIds.append(1) }, batches { $0.typeIds = [1] },
            batches { $0.classes.labels = [1] }, batches { $0.sampleKeys = [] },
            batches { $0.values.values = [1, 2] },
            batches { $0.values = .with { ($0.width, $0.values) = (2, [1, 2]) } },
            batches { $0.values = .with { ($0.width, $0.values) = (.max, [1, 2]) } },
            batches { $0.tokens.labels = [0, 1] },
            batches { $0.sequences = [.max, .max] },
        ]
        for message in bad { #expect(throws: ProtocolError.self) { try BatchCoding.decode(message) } }
        let orders: [(inout PBStepOrder) -> Void] = [
            { $0.microBatchCount = 0 }, { $0.microBatchCount = .max }, { $0.firstMicroBatches = [] },
            { $0.firstMicroBatches = [1] },
            { $0.firstMicroBatches = [0, 5, 3] }, { $0.firstMicroBatches = [0, 99] }, { $0.gradientDivisor = 0 },
            { $0.gradientDivisor = .nan }, { $0.gradientDivisor = .infinity }, { $0.gradientDivisor = -1 },
            { $0.learningRate = .infinity }, { $0.learningRate = -1 }, { $0.embeddingRows = [1, 0] },
            { $0.embeddingRows = [.max] }, { $0.embeddingRows = [1 << 30, 1 << 30, 1 << 30] },
        ]
        for change in orders {
            let frames = try envelope {
                $0.stepOrder = .with {
                    $0.microBatchCount = 8
                    $0.firstMicroBatches = [0, 4]
                    $0.gradientDivisor = 32
                    change(&$0)
                }
            }
            #expect(throws: ProtocolError.self) { try Samples.decodeCoordinator(frames) }
        }
    }

    @Test func `text for people has no control characters`() throws {
        let message = WorkerMessage(
            generation: 0, step: 0,
            body: .failure(WorkerFailure(kind: .peer, phase: "a\u{1b}[2Jb\n", message: "c\u{202e}\u{2028}d")))
        let shown = WorkerFailure(kind: .peer, phase: "a [2Jb ", message: "c  d")
        #expect(try Samples.decodeWorker(message.frames()).body == .failure(shown))
    }

    /// Whatever bytes arrive, decoding gives a message or an error, never a trap, and what it gives is within bounds.
    @Test(arguments: 0..<8) func `mutated messages never trap`(_ seed: Int) {
        var random = PhiloxStream(seed: UInt64(seed), purpose: .shuffle)
        let originals = Samples.workerMessages.map { $0.frames() } + Samples.coordinatorMessages.map { $0.frames() }
        var accepted = 0
        for _ in 0..<4000 {
            var frames = originals[random.next(below: originals.count)]
            for _ in 0...random.next(below: 4) { mutate(&frames, &random) }
            if let message = try? Samples.decodeWorker(frames) {
                accepted += 1
                if case .chunkRequest(_, let range) = message.body { #expect(range.count <= ControlLimits.chunkCredit) }
            }
            if let message = try? Samples.decodeCoordinator(frames), case .step(let order) = message.body {
                accepted += 1
                #expect(order.partition.reduce(0) { $0 + $1.count } == order.microBatchCount)
                for batch in order.batches { #expect(Int(batch.offsets.last ?? -1) == batch.tokenIDs.count) }
            }
        }
        // Some mutations must survive, or the test would not reach what lies behind the first check.
        #expect(accepted > 0)
    }

    private func mutate(_ frames: inout [[UInt8]], _ random: inout PhiloxStream) {
        let frame = random.next(below: 10) == 0 ? 0 : random.next(below: frames.count)
        guard frames.indices.contains(frame) else { return }
        switch random.next(below: 6) {
        case 0 where !frames[frame].isEmpty: frames[frame].removeLast(random.next(below: frames[frame].count))
        case 1: frames[frame].append(contentsOf: (0..<random.next(below: 9)).map { UInt8($0 * 31) })
        case 2 where frames.count > 1: frames.remove(at: frame)
        case 3: frames.append(frames[frame])
        default:
            guard !frames[frame].isEmpty else { return }
            frames[frame][random.next(below: frames[frame].count)] = UInt8(random.next(below: 256))
        }
        if frames.isEmpty { frames = [[]] }
    }
}
