extension RunResult {
    /// What a run that has written its model gives.
    ///
    /// - Parameters:
    ///   - path: Of the model.
    ///   - digest: The SHA-256 of its weights.
    ///   - parameters: Of the model.
    ///   - modelStep: The steps behind it.
    init(
        steps: StepScheduler, test: EvaluationRecord?, best: BestState?, modelPath path: String, sha256 digest: String,
        parameters: TrainedShare?, modelStep: Int, workers: Int, startedAt: Double, output: String, _ now: Double
    ) {
        let totals = steps.totals
        let seconds = max(totals.seconds, 1e-9)
        self.init(
            test: test.map {
                RunResult.Test(
                    metrics: $0.metrics,
                    examplesPerSecond: Double($0.metrics.examples) / max($0.seconds, 1e-9))
            }, steps: steps.completed, weightsSHA256: digest, wallSeconds: now - startedAt,
            tokensPerSecond: Double(totals.tokens) / seconds, examplesPerSecond: Double(totals.samples) / seconds,
            workers: workers,
            // This may be the end alone of a run that another process has trained.
            secondsToFirstStep: totals.samples > 0 ? steps.firstStepAt - startedAt : 0, modelStep: modelStep,
            bestValidation: best.map {
                RunResult.Validation(step: $0.step, primary: $0.primary, loss: $0.loss)
            }, trainLoss: totals.epochLoss.flatMap { $0.isFinite ? $0 : nil },
            parameters: parameters?.all, trainedParameters: parameters?.trained, modelPath: path, output: output)
    }
}
