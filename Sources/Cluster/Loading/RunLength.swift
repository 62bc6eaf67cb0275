import Training

/// How a run deals its examples to steps, and how many steps it has.
struct RunLength {
    let plan: DataPlan
    let totalSteps: Int

    /// The steps of `run` with so many training examples.
    ///
    /// - Throws: An error that names the option that does not go with this number.
    init(_ run: RunConfiguration, examples: Int) throws {
        try DataPlan.validate(sampleCount: examples, batchSize: run.batchSize, microBatches: run.microBatches)
        guard run.workers <= examples else {
            throw ConfigurationError.invalid(
                "workers", value: "\(run.workers)", need: "at most the \(examples) examples of \(run.train)")
        }
        plan = DataPlan(
            sampleCount: examples, batchSize: run.batchSize, microBatches: run.microBatches, seed: run.seed)
        let (perEpoch, overflow) = plan.stepsPerEpoch.multipliedReportingOverflow(by: run.epochs ?? 1)
        guard !overflow else {
            throw ConfigurationError.invalid("epochs", value: "\(run.epochs ?? 1)", need: "far fewer")
        }
        totalSteps = run.steps ?? perEpoch
    }

    /// Makes sure that something is left to do: a step, or the ending of a run that was not finished.
    ///
    /// - Parameters:
    ///   - checkpoint: The steps that are done.
    ///   - finished: The steps of the run where it was finished; else nil.
    ///   - output: The run directory.
    func requireRest(checkpoint: Int, finished: Int?, output: String) throws(RunError) {
        guard checkpoint <= totalSteps, (finished ?? 0) < totalSteps else {
            let step = max(checkpoint, finished ?? 0)
            throw .failed(
                "\(output): the run is complete: \(step) steps of \(totalSteps); to train longer give more --epochs "
                    + "or --steps")
        }
    }
}
