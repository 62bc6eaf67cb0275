import Training

extension RunConfiguration {
    /// Throws an error that names the first option whose value cannot be used.
    public func validate() throws(ConfigurationError) { try validate(.standard) }

    /// The same for the options of `table`: first each by itself, then those that depend on others.
    func validate(_ table: RunOptionTable) throws(ConfigurationError) {
        for option in table.options { try option.check(self) }
        guard workers <= microBatches else {
            throw .invalid(
                "workers", value: "\(workers)",
                need: "at most the \(microBatches) of --micro-batches, or some would have nothing to do")
        }
        guard workers <= batchSize else {
            throw .invalid(
                "workers", value: "\(workers)", need: "at most the \(batchSize) examples of --batch-size")
        }
        do {
            try hyperparameters.validate()
            try scheduleSettings.validate()
        } catch { throw .training(error) }
        guard minWorkers >= 1, minWorkers <= workers else {
            throw .invalid("min-workers", value: "\(minWorkers)", need: "1 to \(workers)")
        }
        if keep == .best, validation == nil {
            throw .unused("keep", reason: "best needs something to tell the best by: give a --validation file")
        }
    }
}
