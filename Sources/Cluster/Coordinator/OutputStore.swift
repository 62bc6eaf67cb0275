import Dispatch
import Inference
import Modeling
import Support
import Synchronization

/// Finds and keeps the outputs that a run collects, on a thread of its own, so that the coordinator's thread answers
/// while a disk is slow.
final class OutputStore: Sendable {
    private struct State: Sendable {
        /// What was asked for last.
        var request: OutputLookup?
        /// The digest of each of its micro-batches.
        var batches: [[UInt8]] = []
        var hasWritten = false
        /// The folder cannot be written: nothing is kept any more.
        var isBroken = false
    }

    private let cache: EmbeddingCache
    /// What stands for this program in keys; nil where that is not known, and nothing is kept.
    private let program: @Sendable () -> String?
    private let queue = DispatchQueue(label: "shoal-embeddings", qos: .utility)
    private let state = Mutex(State())
    private let warn: @Sendable (String) -> Void

    /// - Parameter warn: Called, once, with what people should know; on any thread.
    init(
        _ cache: EmbeddingCache, program: @escaping @Sendable () -> String? = { EmbeddingOrigin.program },
        warn: @escaping @Sendable (String) -> Void
    ) {
        (self.cache, self.program, self.warn) = (cache, program, warn)
    }

    /// Looks for the outputs of all micro-batches of a phase's texts.
    ///
    /// - Parameter deliver: Called with those that are there, by number.
    func lookUp(
        _ request: OutputLookup, _ phase: PhasePlan, deliver: @escaping @Sendable ([Int: EvaluationPart]) -> Void
    ) {
        queue.async { [self] in
            guard let source = phase.collection, let program = program() else { return deliver([:]) }
            let width = phase.model.head.outputWidth
            var found: [Int: EvaluationPart] = [:]
            var digests: [[UInt8]] = []
            for start in stride(from: 0, to: source.count, by: request.batchSize) {
                let examples = Array(start..<min(start + request.batchSize, source.count))
                let digest = EmbeddingOrigin.digest(of: source.pack(examples, round: 0))
                if let values = cache.values(
                    of: request.origin.key(of: digest, program: program), count: examples.count * width)
                {
                    found[digests.count] = EvaluationPart(
                        losses: [Double](repeating: 0, count: examples.count),
                        metrics: CollectedOutputs(width: width, values: values))
                }
                digests.append(digest)
            }
            state.withLock { ($0.request, $0.batches) = (request, digests) }
            deliver(found)
        }
    }

    /// Keeps what workers have computed. That it cannot be is a warning, and ends nothing.
    func keep(_ batches: CollectedBatches) {
        queue.async { [self] in
            let (known, isBroken) = state.withLock { ($0, $0.isBroken) }
            guard !isBroken, var origin = known.request?.origin, known.request?.id == batches.lookup,
                let program = program()
            else { return }
            origin.products = batches.products
            for (number, part) in zip(batches.first..., batches.parts) where known.batches.indices.contains(number) {
                guard let outputs = part.metrics as? CollectedOutputs else { continue }
                do throws(FileError) {
                    try cache.keep(outputs.values, of: origin.key(of: known.batches[number], program: program))
                    state.withLock { $0.hasWritten = true }
                } catch {
                    state.withLock { $0.isBroken = true }
                    return warn(
                        "embeddings are not kept for other runs: \(error); --no-embedding-cache does without them")
                }
            }
        }
    }

    /// Waits for what is being written, and removes what is too much.
    func close() {
        queue.sync {
            if state.withLock({ $0.hasWritten }) { cache.trim() }
        }
    }
}
