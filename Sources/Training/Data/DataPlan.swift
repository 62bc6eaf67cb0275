import Numerics
import Synchronization

/// The order of the training samples: a pure function of (seed, phase, epoch, step), whichever process asks and
/// whatever came before.
///
/// Every epoch visits every sample once, in an order of its own, in batches of `batchSize`; the last batch of an epoch
/// holds what is left.
public struct DataPlan: Sendable {
    /// The samples of an epoch.
    public let sampleCount: Int
    /// The samples of a step, over all workers.
    public let batchSize: Int
    /// The micro-batches of a step; fewer where a batch has fewer samples.
    public let microBatches: Int
    /// The seed of all shuffles.
    public let seed: UInt64
    /// The phase of the run, from 0: another phase has orders of its own.
    public let phase: Int

    private let orders: OrderCache

    /// A plan; all numbers must be at least 1 (see ``validate(sampleCount:batchSize:microBatches:)``).
    public init(sampleCount: Int, batchSize: Int, microBatches: Int, seed: UInt64, phase: Int = 0) {
        precondition(sampleCount > 0 && batchSize > 0 && microBatches > 0, "a plan needs samples and batches")
        self.sampleCount = sampleCount
        self.batchSize = batchSize
        self.microBatches = microBatches
        self.seed = seed
        self.phase = phase
        orders = OrderCache()
    }

    /// Throws an error that names the option that no plan can be made from.
    public static func validate(sampleCount: Int, batchSize: Int, microBatches: Int) throws(TrainingError) {
        guard sampleCount > 0 else {
            throw .invalidOption("train", value: "a file without examples", need: "a file with at least one")
        }
        guard batchSize > 0 else { throw .invalidOption("batch-size", value: "\(batchSize)", need: "at least 1") }
        guard microBatches > 0 else {
            throw .invalidOption("micro-batches", value: "\(microBatches)", need: "at least 1")
        }
    }

    /// The steps of an epoch, the one with the short batch included.
    public var stepsPerEpoch: Int { sampleCount / batchSize + (sampleCount % batchSize == 0 ? 0 : 1) }

    /// What numbers the random streams of an epoch of this phase.
    public func epochNumber(_ epoch: Int) -> UInt32 { UInt32(truncatingIfNeeded: phase << 24 | epoch) }

    /// The order of the samples in `epoch`.
    public func order(epoch: Int) -> [Int] {
        orders.order(epoch) {
            var order = Array(0..<sampleCount)
            var stream = PhiloxStream(seed: seed, purpose: .shuffle, stream: epochNumber(epoch))
            stream.shuffle(&order)
            return order
        }
    }

    /// The plan of `step`, counted from 0 through all epochs of the phase. `tokenCount` gives a sample's number of
    /// tokens, by which the micro-batches are balanced.
    public func step(_ step: Int, tokenCount: (Int) -> Int) -> StepPlan {
        precondition(step >= 0, "steps count from 0")
        let epoch = step / stepsPerEpoch
        let start = step % stepsPerEpoch * batchSize
        let batch = order(epoch: epoch)[start..<(start + min(batchSize, sampleCount - start))]
        let cut = MicroBatchPacker.pack(batch.map { max(0, tokenCount($0)) }, into: microBatches)
        return StepPlan(
            epoch: epoch, step: step, microBatches: cut.map { $0.map { batch[start + $0] } })
    }
}

/// Remembers the last order, since consecutive steps ask for the same one.
private final class OrderCache: Sendable {
    private let last = Mutex<(epoch: Int, order: [Int])?>(nil)

    func order(_ epoch: Int, make: () -> [Int]) -> [Int] {
        if let known = last.withLock({ $0?.epoch == epoch ? $0?.order : nil }) { return known }
        let order = make()
        last.withLock { $0 = (epoch, order) }
        return order
    }
}
