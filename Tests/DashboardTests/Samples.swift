@testable import Cluster
import Modeling
import Training

@testable import Dashboard

/// What the tests feed the display with.
enum Samples {
    static let summary = RunSummary(
        examples: 256, labels: ["acq", "earn"], parameters: 22_713_216, totalSteps: 80, stepsPerEpoch: 8, workers: 2,
        endpoint: "ipc:///tmp/x", output: "runs/a")

    static func step(_ step: Int, loss: Double = 0.5, seconds: Double = 2) -> RunEvent {
        .step(
            StepMetrics(
                step: step, epoch: (step - 1) / 8 + 1, loss: loss, learningRate: 9.13e-5, gradientNorm: 1, samples: 32,
                tokens: 2000, tokensPerSecond: 1000, stepSeconds: seconds, computeSeconds: 1.9, allreduceSeconds: 0.1,
                bytesSent: 1, residentBytes: 1, elapsedSeconds: Double(step) * seconds, totalSteps: 80))
    }

    static func metrics(labels: [String], counts: [(truth: Int, prediction: Int, count: Int)]) -> MetricReport {
        var metrics = ClassificationMetrics(classes: labels.count)
        for (truth, prediction, count) in counts {
            for _ in 0..<count { metrics.add(truth: truth, prediction: prediction, confidence: 0.5) }
        }
        return metrics.report(examples: counts.reduce(0) { $0 + $1.count }, loss: 0.25, labels: labels)
    }

    static let result = RunResult(
        test: .init(
            metrics: MetricReport(
                examples: 2189, loss: 0.21,
                values: [
                    Metric(ClassificationMetrics.accuracy, 0.93741), Metric(ClassificationMetrics.macroF1, 0.9012),
                ], primary: ClassificationMetrics.accuracy), examplesPerSecond: 312.4),
        steps: 80, weightsSHA256: "abc123", wallSeconds: 75, tokensPerSecond: 5213.7, examplesPerSecond: 61,
        workers: 2, secondsToFirstStep: 0.8, trainLoss: 0.03124, modelPath: "runs/my run/model", output: "runs/my run")
}
