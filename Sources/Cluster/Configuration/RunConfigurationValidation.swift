import Numerics
import Training

extension RunConfiguration {
    /// Throws an error that names the first option whose value cannot be used.
    public func validate() throws(ConfigurationError) {
        for (option, value) in [("model", model), ("train", train), ("output", output)] where value.isEmpty {
            throw .invalid(option, value: "\"\"", need: "a path")
        }
        try Self.check("workers", workers, 1...1024)
        if let threadsPerWorker { try Self.check("threads-per-worker", threadsPerWorker, 1...1024) }
        try Self.check("batch-size", batchSize, 1...65_536)
        try Self.check("micro-batches", microBatches, 1...ReductionTree.maxLeafCount)
        if let epochs { try Self.check("epochs", epochs, 1...1_000_000) }
        if let steps { try Self.check("steps", steps, 1...1_000_000_000) }
        if let maxLength { try Self.check("max-length", maxLength, 3...65_536) }
        if let shots { try Self.check("shots", shots, 1...1_000_000_000) }
        guard workers <= microBatches else {
            throw .invalid(
                "workers", value: "\(workers)",
                need: "at most the \(microBatches) of --micro-batches, or some would have nothing to do")
        }
        guard workers <= batchSize else {
            throw .invalid(
                "workers", value: "\(workers)", need: "at most the \(batchSize) examples of --batch-size")
        }
        guard ["adamw", "sgd"].contains(optimizer) else {
            throw .invalid("optimizer", value: optimizer, need: "adamw or sgd")
        }
        do {
            try hyperparameters.validate()
            try scheduleSettings.validate()
        } catch { throw .training(error) }
        guard labelSmoothing.isFinite, labelSmoothing >= 0, labelSmoothing < 1 else {
            throw .invalid("label-smoothing", value: "\(labelSmoothing)", need: "at least 0 and below 1")
        }
        guard heartbeatTimeout.isFinite, heartbeatTimeout >= 0.5, heartbeatTimeout <= 3600 else {
            throw .invalid("heartbeat-timeout", value: "\(heartbeatTimeout)", need: "0.5 to 3600 seconds")
        }
        guard joinTimeout.isFinite, joinTimeout >= 1, joinTimeout <= 1e6 else {
            throw .invalid("join-timeout", value: "\(joinTimeout)", need: "1 to 1000000 seconds")
        }
        try validateFaultTolerance()
    }

    private func validateFaultTolerance() throws(ConfigurationError) {
        try Self.check("min-workers", minWorkers, 1...workers)
        try Self.check("max-restarts", maxRestarts, 0...1_000_000)
        if let checkpointEvery { try Self.check("checkpoint-every", checkpointEvery, 1...1_000_000_000) }
        if let minutes = checkpointMinutes {
            guard minutes.isFinite, minutes > 0, minutes <= 1e6 else {
                throw .invalid("checkpoint-minutes", value: "\(minutes)", need: "above 0 and at most 1000000")
            }
        }
        try Self.check("keep-checkpoints", keepCheckpoints, 0...1_000_000)
        if keep == .best, validation == nil {
            throw .unused("keep", reason: "best needs something to tell the best by: give a --validation file")
        }
        guard orphanTimeout.isFinite, orphanTimeout >= 0, orphanTimeout <= 1e6 else {
            throw .invalid("orphan-timeout", value: "\(orphanTimeout)", need: "0 to 1000000 seconds")
        }
    }

    private static func check(_ option: String, _ value: Int, _ range: ClosedRange<Int>) throws(ConfigurationError) {
        guard range.contains(value) else {
            throw .invalid(option, value: "\(value)", need: "\(range.lowerBound) to \(range.upperBound)")
        }
    }
}
