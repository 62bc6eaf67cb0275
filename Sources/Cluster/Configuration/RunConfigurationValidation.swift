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
        if shots == 0 { try validateWithoutShots() }
        if classShares != nil, unlabeled == nil {
            throw .unused(
                "class-shares", reason: "says how often classes occur among texts without labels: give --unlabeled, too"
            )
        }
        if freeze != nil, trainOnly != nil { throw .conflict("freeze", "train-only") }
        if let name = lora != nil ? "lora" : adapter != nil ? "adapter" : nil {
            // The encoder is frozen, and the head is trained.
            if freeze != nil { throw .conflict(name, "freeze") }
            if trainOnly != nil { throw .conflict(name, "train-only") }
        }
        if lora != nil, adapter != nil { throw .conflict("lora", "adapter") }
        if keep == .best, validation == nil {
            throw .unused("keep", reason: "best needs a set to compare states on: give a --validation file")
        }
    }

    /// What goes with no labelled text at all.
    private func validateWithoutShots() throws(ConfigurationError) {
        guard method == .probe || method == .auto else {
            throw .invalid(
                "shots", value: "0",
                need: "at least 1 with --method \(method.rawValue): of descriptions alone a probe is made")
        }
        if headFirst { throw .unused("head-first", reason: "goes with labelled texts, and --shots 0 asks for none") }
        if let budget {
            throw .unused(
                "budget",
                reason:
                    "is \(budget.optionValue.description), in which methods are compared on labelled texts, and "
                    + "--shots 0 asks for none: leave it out")
        }
        if dropRareClasses {
            throw .unused(
                "drop-rare-classes", reason: "counts labelled texts, and --shots 0 asks for none: leave it out")
        }
    }
}
