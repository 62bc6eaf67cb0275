import Foundation
import Training

/// How the state comes back from the workers.
extension CoordinatorMachine {
    /// A fetch of state under way.
    struct Fetch: Sendable {
        enum Purpose: Sendable, Equatable {
            /// The final model.
            case model
            /// A checkpoint, after which the run ends with this error.
            case checkpoint(RunError)
        }

        var purpose: Purpose
        var peer: PeerID
        /// The steps that the state must have behind it.
        var step: Int
        /// What is still to be asked for, the next one last.
        var waiting: [Item]
        /// What was asked for and has not come.
        var outstanding: Set<Item> = []

        struct Item: Hashable, Sendable {
            var part: StatePart
            var chunk: Int
        }
    }

    /// Chunks asked for at once.
    private static var credit: Int { 8 }

    mutating func startVerification() {
        phase = .verifying
        broadcast(.digestRequest, step: progress.completed)
    }

    mutating func digestReported(_ digest: String, step: UInt64, _ index: Int) {
        guard case .verifying = phase, members[index].digest == nil, step == UInt64(progress.completed) else {
            if case .verifying = phase { violation(index, "the hash of weights after \(step) steps") }
            return
        }
        members[index].digest = digest
        let digests = members.compactMap(\.digest)
        guard digests.count == members.count else { return }
        if let other = digests.firstIndex(where: { $0 != digests[0] }) {
            end(
                .failure(
                    .failed(
                        "the replicas differ: the weights of \(members[0].name) have the SHA-256 \(digests[0]), those of "
                            + "\(members[other].name) \(digests[other]); please report this")))
            return
        }
        perform(.emit(.saving))
        fetch(.model, parts: [.weights], from: 0, step: progress.completed)
    }

    /// Fetches the whole state for a checkpoint from the member at `index`, after which the run ends with `error`.
    mutating func fetchCheckpoint(_ error: RunError, from index: Int, step: Int? = nil) {
        let step = step ?? progress.completed
        guard step > 0, let parts = preparation?.stateParts else {
            end(.failure(error))
            return
        }
        perform(.emit(.saving))
        fetch(.checkpoint(error), parts: parts, from: index, step: step)
    }

    private mutating func fetch(_ purpose: Fetch.Purpose, parts: [StatePart], from index: Int, step: Int) {
        guard let preparation else { return }
        let chunks = ChunkMap(floats: preparation.welcome.weightCount).count
        let items = parts.flatMap { part in (0..<chunks).map { Fetch.Item(part: part, chunk: $0) } }
        var fetch = Fetch(purpose: purpose, peer: members[index].peer, step: step, waiting: items.reversed())
        for _ in 0..<Self.credit { request(&fetch) }
        phase = .fetching(fetch)
    }

    private mutating func request(_ fetch: inout Fetch) {
        guard let item = fetch.waiting.popLast() else { return }
        fetch.outstanding.insert(item)
        send(fetch.peer, .stateRequest(item.part, index: item.chunk), step: fetch.step)
    }

    mutating func fetched(_ part: StatePart, _ chunk: Int, _ payload: Data, step: UInt64, _ index: Int) {
        guard case .fetching(var fetch) = phase, let preparation, members[index].peer == fetch.peer,
            step == UInt64(fetch.step), fetch.outstanding.remove(Fetch.Item(part: part, chunk: chunk)) != nil,
            payload.count == (ChunkMap(floats: preparation.welcome.weightCount).range(chunk)?.count ?? 0) * 4
        else {
            violation(index, "a part of its state that nobody asked for")
            return
        }
        perform(.storeChunk(part, index: chunk, payload: payload))
        request(&fetch)
        phase = .fetching(fetch)
        guard fetch.outstanding.isEmpty else { return }
        switch fetch.purpose {
        case .model: perform(.saveModel)
        case .checkpoint:
            perform(
                .saveCheckpoint(
                    TrainingState(
                        step: fetch.step, epoch: fetch.step / preparation.plan.stepsPerEpoch,
                        schedule: progress.schedule?.state ?? [:])))
        }
        phase = .saving(fetch.purpose)
    }

    mutating func checkpointSaved(path: String) {
        guard case .saving(.checkpoint(let error)) = phase else { return }
        perform(.emit(.checkpoint(path)))
        switch error {
        case .interrupted: end(.failure(.interrupted(checkpoint: path)))
        case .workerLost(let reason), .failed(let reason):
            end(.failure(.failed("\(reason); the state before that step is kept in \(path)")))
        }
    }

    mutating func modelSaved(path: String, digest: String, _ now: Double) {
        guard case .saving(.model) = phase, let preparation else { return }
        let test = test.map {
            RunResult.Test(
                accuracy: $0.metrics.accuracy, macroF1: $0.metrics.macroF1, loss: $0.metrics.loss,
                examples: $0.metrics.examples,
                examplesPerSecond: Double($0.metrics.examples) / max($0.seconds, 1e-9))
        }
        let seconds = max(progress.seconds, 1e-9)
        end(
            .success(
                RunResult(
                    test: test, steps: progress.completed, weightsSHA256: digest, wallSeconds: now - startedAt,
                    tokensPerSecond: Double(progress.tokens) / seconds,
                    examplesPerSecond: Double(progress.samples) / seconds, workers: settings.workers,
                    secondsToFirstStep: progress.firstStepAt - startedAt, modelPath: path,
                    output: preparation.output)))
    }
}
