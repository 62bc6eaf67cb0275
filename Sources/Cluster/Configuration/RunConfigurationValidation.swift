import Training

extension RunConfiguration {
    /// Throws an error that names the first option whose value cannot be used.
    public func validate() throws(ConfigurationError) {
        for (option, value) in [("model", model), ("train", train), ("output", output)] where value.isEmpty {
            throw .invalid(option, value: "\"\"", need: "a path")
        }
        try Self.check("workers", workers, 1...1024)
        try Self.check("threads-per-worker", threadsPerWorker, 1...1024)
        try Self.check("batch-size", batchSize, 1...65_536)
        try Self.check("micro-batches", microBatches, 1...4096)
        if let epochs { try Self.check("epochs", epochs, 1...1_000_000) }
        if let steps { try Self.check("steps", steps, 1...1_000_000_000) }
        try Self.check("max-length", maxLength, 3...65_536)
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
        guard heartbeatTimeout.isFinite, heartbeatTimeout >= 0.5, heartbeatTimeout <= 3600 else {
            throw .invalid("heartbeat-timeout", value: "\(heartbeatTimeout)", need: "0.5 to 3600 seconds")
        }
        guard joinTimeout.isFinite, joinTimeout >= 1, joinTimeout <= 1e6 else {
            throw .invalid("join-timeout", value: "\(joinTimeout)", need: "1 to 1000000 seconds")
        }
    }

    private static func check(_ option: String, _ value: Int, _ range: ClosedRange<Int>) throws(ConfigurationError) {
        guard range.contains(value) else {
            throw .invalid(option, value: "\(value)", need: "\(range.lowerBound) to \(range.upperBound)")
        }
    }
}
