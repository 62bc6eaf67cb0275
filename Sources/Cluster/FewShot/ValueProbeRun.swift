import Corpus
import FewShot
import Foundation
import Inference
import Modeling
import Numerics
import Support
import Tokenization

/// A run whose linear layer, for texts with any number of labels or with numbers, is computed from embeddings.
struct ValueProbeRun: OutputUse {
    /// The texts of a set, and what is to be said of each.
    private struct TextSet: Sendable {
        /// (texts, outputs).
        var targets: ScoreMatrix
        /// The windows of each text, as examples of ``source``.
        var windows: [Range<Int>] = []
    }

    let source: WindowedTexts
    private let labels: [String]
    private let probe: ValueProbe
    private let windows: Int
    private let phase: Int
    private var training: TextSet
    private var evaluated: [EvaluationKind: TextSet] = [:]

    /// Tokenizes all texts.
    ///
    /// - Parameters:
    ///   - phase: That in which embeddings are collected.
    ///   - batch: Examples of a micro-batch.
    init(_ data: RunData, _ run: RunConfiguration, _ source: RunModel, phase: Int, batch: Int) throws {
        labels = data.training.labels
        probe = ValueProbe(data.task is MultiLabel ? .labels : .numbers, seed: run.seed)
        (windows, self.phase) = (run.windows, phase)
        let (task, outputs) = (data.task, labels.count)
        let team = try ThreadTeam(count: min(8, AvailableProcessors.count))
        let cutter = TextWindows(source.tokenizer, maxLength: source.maxLength, most: windows)
        var encodings: [[[Encoding]]] = []
        func set(_ data: Dataset) -> TextSet {
            encodings.append(
                team.mapRanges(of: data.examples.count) { range in
                    range.map { cutter.encodings(data.examples[$0].text, pair: data.examples[$0].pair) }
                }.flatMap { $0 })
            var targets = ScoreMatrix(rows: data.examples.count, classes: outputs)
            for (row, example) in data.examples.enumerated() {
                let target = task.target(
                    of: example, encoding: encodings[encodings.count - 1][row][0], outputs: outputs)
                guard case .values(let values) = target else { continue }
                for (output, value) in values.enumerated() { targets[row, output] = Double(value) }
            }
            return TextSet(targets: targets)
        }
        training = set(data.training)
        for (kind, data) in [(EvaluationKind.validation, data.validation), (.test, data.test)] {
            if let data { evaluated[kind] = set(data) }
        }
        self.source = WindowedTexts(encodings, batch: batch)
        training.windows = self.source.windows[0]
        for (number, kind) in [EvaluationKind.validation, .test].filter({ evaluated[$0] != nil }).enumerated() {
            evaluated[kind]?.windows = self.source.windows[number + 1]
        }
    }

    var notice: String {
        let sets = [("training", training), ("validation", evaluated[.validation]), ("test", evaluated[.test])]
            .compactMap { name, set in set.map { "\(grouped($0.targets.rows)) \(name)" } }
        return
            "embeddings are made of \(sets.joined(separator: ", ")) texts, in \(plural(source.windowCount, "window"))"
    }

    func solve(
        _ part: EvaluationPart, _ phases: [PhasePlan], _ layouts: [ParameterLayout], _ state: LoadedState
    ) throws -> FewShotSolution {
        let collected = try collected(part, in: phase, of: phases, state)
        guard let weights = state.buffers[.weights] else { throw RunError.failed("the state has no weights") }
        let (values, width) = (collected.values, collected.width)
        func features(_ set: TextSet) -> FeatureMatrix {
            FewShotRun.embeddings(set.windows, values, width: width)
        }
        let outcome = probe.fit(
            features(training), targets: training.targets, team: try ThreadTeam(count: AvailableProcessors.count))
        let (next, model) = (phases[phase + 1], phases[phase + 1].model)
        let threshold = outcome.heldOut.flatMap { report($0, training.targets, model, threshold: nil).threshold }
        var reports: [EvaluationKind: MetricReport] = [:]
        for (kind, set) in evaluated {
            reports[kind] = report(
                outcome.classifier.scores(features(set)), set.targets, model,
                threshold: threshold ?? ModelConfiguration.standardThreshold)
        }
        let begun = try WeightTransition.weights(
            of: model, layout: layouts[phase + 1],
            from: WeightTransition.State(model: phases[phase].model, layout: layouts[phase], weights: weights),
            seed: next.welcome.seed)
        PooledClassification.write(
            weights: outcome.classifier.weights, bias: outcome.classifier.bias, to: begun, layouts[phase + 1])
        var solved = LoadedState(weights: begun)
        (solved.step, solved.phase) = (next.steps.lowerBound, phase + 1)
        return FewShotSolution(
            classifier: PooledClassifier(classes: labels.count, windows: windows, temperature: 1, lexical: nil),
            state: solved, reports: reports, threshold: threshold, notices: notices(outcome, threshold))
    }

    /// What an evaluation of these outputs finds.
    ///
    /// - Parameter threshold: From which probability on a text has a label; nil to choose it on these.
    private func report(
        _ scores: ScoreMatrix, _ truth: ScoreMatrix, _ model: ModelSpecification, threshold: Double?
    ) -> MetricReport {
        let outputs = scores.values.map { Float($0) }
        var part = EvaluationPart(model.head)
        if let threshold { part.use(threshold: threshold) }
        outputs.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            part.add(
                EvaluatedBatch(
                    OutputRows(start, rows: scores.rows, width: scores.classes),
                    .values(truth.values.map { Float($0) }, width: truth.classes)), of: model)
        }
        return part.report(labels: labels)
    }

    private func notices(_ outcome: ValueProbe.Outcome, _ threshold: Double?) -> [String] {
        guard !outcome.candidates.isEmpty else {
            return ["\(plural(training.targets.rows, "text")) are too few to compare strengths: the usual one is taken"]
        }
        let width = outcome.candidates.map(\.name.count).max() ?? 0
        var lines = [
            "tried by \(min(ValueProbe.folds, training.targets.rows))-fold cross-validation of the "
                + "\(training.targets.rows) labelled texts (held-out loss):"
        ]
        for (number, candidate) in outcome.candidates.enumerated() {
            lines.append(
                "  " + candidate.name.padding(toLength: width, withPad: " ", startingAt: 0)
                    + String(format: "  %.4f ± %.4f", candidate.loss, candidate.standardError)
                    + (number == outcome.chosen ? "  (chosen)" : ""))
        }
        if let threshold {
            lines.append(
                String(
                    format: "a text has the labels with a probability of %.2f and more: the best on held-out texts",
                    threshold))
        }
        return lines
    }
}
