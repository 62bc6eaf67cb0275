import Foundation
import Modeling
import Training

@testable import Cluster

/// Parts of the coordinator's machine to test with.
extension Samples {
    static func peer(_ number: Int) -> PeerID { PeerID(bytes: [UInt8(number)]) }

    static func worker(_ pid: Int, instructionSet: String = "AVX2") -> WorkerDescription {
        WorkerDescription(host: "h", pid: pid, threads: 1, cpu: "c", instructionSet: instructionSet)
    }

    /// Members of a generation: worker n has rank n and process id 100 + n.
    static func members(_ count: Int, applied: Int? = nil, at now: Double = 0) -> [WorkerRecord] {
        (0..<count).map { number in
            var record = WorkerRecord(
                peer: peer(number), number: number, worker: worker(100 + number), lastHeard: now)
            record.rank = number
            record.endpoint = "ipc:///\(number)"
            record.applied = applied
            return record
        }
    }

    static func settings(
        workers: Int = 2, local: Bool = false, _ change: (inout CoordinatorSettings) -> Void = { _ in }
    ) -> CoordinatorSettings {
        var settings = CoordinatorSettings(workers: workers, local: local)
        change(&settings)
        return settings
    }

    static func history(_ totalSteps: Int = 10, base: Int = 0, perEpoch: Int = 4, kind: ScheduleKind = .linear)
        -> RunHistory
    {
        RunHistory(
            base: RunHistory.Point(
                step: base,
                schedule: LearningRateSchedule(
                    ScheduleSettings(kind: kind, learningRate: 1), totalSteps: totalSteps)),
            stepsPerEpoch: perEpoch, steps: 0..<totalSteps, hasValidation: false)
    }

    static func report(_ loss: Double = 1, norm: Double = 2, microBatches: Int = 2) -> StepReport {
        StepReport(
            lossSums: [Double](repeating: loss, count: microBatches), gradientNorm: norm, computeSeconds: 1,
            allreduceSeconds: 0, stepSeconds: 1, residentBytes: 7, bytesSent: 0)
    }

    static func packed(_ step: Int, microBatches: Int = 2) -> PackedStep {
        PackedStep(
            step: step, epoch: step / 4, sampleCount: 4, batches: (0..<microBatches).map { _ in batch() },
            gradientDivisor: 4,
            embeddingRows: [0, 1, 2], tokenCount: 8)
    }
}

extension Transition {
    /// One at `now`, in generation 1.
    static func at(_ now: Double) -> Transition { Transition(now: now, generation: 1) }

    /// What is sent, by receiver.
    var sent: [(peer: PeerID, body: CoordinatorMessage.Body)] {
        effects.compactMap { if case .send(let peer, let message) = $0 { (peer, message.body) } else { nil } }
    }

    var warnings: [String] {
        effects.compactMap { if case .emit(.warning(let text)) = $0 { text } else { nil } }
    }

    /// All requests, which are taken out.
    mutating func takeRequests() -> [Transition.Request] {
        var all: [Transition.Request] = []
        while let request = nextRequest() { all.append(request) }
        return all
    }

    /// The senders that are to be refused.
    mutating func takeSentAway() -> [PeerID] {
        takeRequests().compactMap { if case .sendAway(let peer, _) = $0 { peer } else { nil } }
    }
}
