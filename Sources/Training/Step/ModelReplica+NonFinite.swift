import CKernels

extension ModelReplica {
    /// The first of this rank's micro-batches whose loss or gradient is not finite, found by computing each again: that
    /// gives the same bits, since nothing but the micro-batch decides them.
    public func firstNonFiniteMicroBatch(_ work: StepWork) throws -> Int? {
        for (i, batch) in work.microBatches.enumerated() {
            let alone = StepWork(
                step: work.step, microBatchCount: 1, firstMicroBatch: 0, microBatches: [batch],
                embeddingRows: work.embeddingRows, gradientDivisor: work.gradientDivisor)
            do {
                _ = try computeGradients(alone) { _, _ in }
            } catch is NonFiniteError {
                return work.firstMicroBatch + i
            }
            let result = resultBuffer(alone)
            for bucket in buckets(alone)
            where !shoal_sum_of_squares(result + bucket.lowerBound, bucket.count).isFinite {
                return work.firstMicroBatch + i
            }
        }
        return nil
    }
}
