import Training

/// How the phases of a run deal their examples to steps, and which steps each of them has.
struct RunLength {
    /// By phase.
    let plans: [DataPlan]
    /// By phase; numbered through the whole run.
    let steps: [Range<Int>]

    /// The steps of `phases` with so many examples each.
    ///
    /// - Throws: An error that names the option that does not go with this number.
    init(_ phases: [Phase], of run: RunConfiguration, examples counts: [Int]) throws {
        var plans: [DataPlan] = []
        var steps: [Range<Int>] = []
        for (number, phase) in phases.enumerated() {
            let examples = counts[number]
            try DataPlan.validate(
                sampleCount: examples, batchSize: phase.batchSize, microBatches: phase.microBatches)
            // Without steps, workers share the texts that embeddings are made of, and not these.
            guard run.workers <= examples || phase.length == .steps(0) else {
                throw ConfigurationError.invalid(
                    "workers", value: "\(run.workers)", need: "at most the \(examples) examples of \(run.train)")
            }
            let plan = DataPlan(
                sampleCount: examples, batchSize: phase.batchSize, microBatches: phase.microBatches, seed: run.seed,
                phase: number)
            let first = steps.last?.upperBound ?? 0
            let (end, overflow) = try Self.count(phase.length, plan).addingReportingOverflow(first)
            guard !overflow else {
                throw ConfigurationError.invalid("epochs", value: "\(run.epochs ?? 1)", need: "far fewer")
            }
            plans.append(plan)
            steps.append(first..<end)
        }
        (self.plans, self.steps) = (plans, steps)
    }

    private static func count(_ length: Phase.Length, _ plan: DataPlan) throws(ConfigurationError) -> Int {
        switch length {
        case .steps(let count): return count
        case .epochs(let epochs):
            let (count, overflow) = plan.stepsPerEpoch.multipliedReportingOverflow(by: epochs)
            guard !overflow else { throw .invalid("epochs", value: "\(epochs)", need: "far fewer") }
            return count
        }
    }

    /// The steps of the whole run.
    var totalSteps: Int { steps.last?.upperBound ?? 0 }

    /// Makes sure that something is left to do: a step, or the ending of a run that was not finished.
    ///
    /// - Parameters:
    ///   - checkpoint: The steps that are done.
    ///   - finished: The steps of the run where it was finished; else nil.
    ///   - output: The run directory.
    func requireRest(checkpoint: Int, finished: Int?, output: String) throws(RunError) {
        if totalSteps == 0 {
            guard finished == nil else { throw .failed("\(output): the run is complete") }
            return
        }
        guard checkpoint <= totalSteps, (finished ?? 0) < totalSteps else {
            let step = max(checkpoint, finished ?? 0)
            throw .failed(
                "\(output): the run is complete: \(step) steps of \(totalSteps); to train longer give more --epochs "
                    + "or --steps")
        }
    }
}
