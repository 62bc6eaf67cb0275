import Corpus
import FewShot
import Foundation
import Inference
import Modeling
import Numerics
import Support
import Tokenization

/// The data of a run whose classifier is computed from embeddings, and what is made of these.
struct FewShotRun: OutputUse {
    /// The texts of a set.
    private struct TextSet: Sendable {
        var texts: [String]
        var labels: [Int]
        /// The windows of each text, as examples of ``source``.
        var windows: [Range<Int>] = []
    }

    /// What embeddings are collected of.
    let source: WindowedTexts
    /// The classes.
    private let labels: [String]
    private let method: FewShotMethod
    private let windows: Int
    /// The phase in which embeddings are collected.
    private let phase: Int
    /// Tokens of a training text, on average; without such of a text without labels.
    private let meanTokens: Double
    /// Whether the training set holds descriptions, and no labelled texts are learnt from.
    private let hasNoShots: Bool
    private let shares: [Double]?
    /// What a student learns afterwards; nil for a run without one.
    private let distilled: DistilledTexts?
    /// What teachers have said of that; nil where the classifier that is computed is the teacher.
    private let answers: TeacherAnswers?
    private var training: TextSet
    private var evaluated: [EvaluationKind: TextSet]
    private var descriptions: TextSet?
    private var unlabelled: TextSet?

    /// Tokenizes all texts.
    ///
    /// - Parameters:
    ///   - data: The sets.
    ///   - extra: What there is besides.
    ///   - phase: That in which embeddings are collected.
    ///   - isEncoderTuned: Whether the encoder has learnt before.
    ///   - batch: Examples of a micro-batch.
    init(
        _ data: RunData, _ extra: FewShotData, _ run: RunConfiguration, _ source: RunModel, phase: Int,
        isEncoderTuned: Bool, distillation: StudentTexts?, batch: Int
    ) throws {
        labels = data.training.labels
        (distilled, answers) = (distillation?.texts, distillation?.answers)
        var method = FewShotMethod(seed: run.seed)
        method.isEncoderTuned = isEncoderTuned
        // What learns by steps has neither words nor several windows.
        let isHeadAlone = run.headFirst || answers != nil
        if isHeadAlone { method.lexicalWeight = 0 }
        (self.method, self.phase) = (method, phase)
        windows = isHeadAlone ? 1 : run.windows
        hasNoShots = run.shots == 0
        shares = extra.shares
        var sets: [(examples: [Example], labels: [Int])] = []
        func set(_ examples: [Example], _ labels: [Int]) -> TextSet {
            sets.append((examples, labels))
            return TextSet(texts: examples.map(\.lexicalText), labels: labels)
        }
        func labelled(_ data: Dataset) -> TextSet {
            set(data.examples, data.examples.map { Int($0.classNumber ?? 0) })
        }
        training = labelled(data.training)
        var evaluated: [EvaluationKind: TextSet] = [:]
        // Where steps follow, the model is evaluated after them.
        let endsHere = !run.headFirst && distilled == nil
        if endsHere, let validation = data.validation { evaluated[.validation] = labelled(validation) }
        if endsHere, let test = data.test { evaluated[.test] = labelled(test) }
        var descriptions = extra.descriptions.map { set($0.map { Example(text: $0.text) }, $0.map(\.label)) }
        var unlabelled = extra.unlabelled.map { set($0, []) }
        let team = try ThreadTeam(count: min(8, AvailableProcessors.count))
        let cutter = TextWindows(source.tokenizer, maxLength: source.maxLength, most: windows)
        let encodings = sets.map { set in
            team.mapRanges(of: set.examples.count) { range in
                range.map { cutter.encodings(set.examples[$0].text, pair: set.examples[$0].pair) }
            }.flatMap { $0 }
        }
        self.source = WindowedTexts(encodings, batch: batch)
        var next = self.source.windows.makeIterator()
        training.windows = next.next() ?? []
        for kind in [EvaluationKind.validation, .test] where evaluated[kind] != nil {
            evaluated[kind]?.windows = next.next() ?? []
        }
        if descriptions != nil { descriptions?.windows = next.next() ?? [] }
        if unlabelled != nil { unlabelled?.windows = next.next() ?? [] }
        (self.evaluated, self.descriptions, self.unlabelled) = (evaluated, descriptions, unlabelled)
        // Descriptions say nothing of how long texts are; those without labels are the last set.
        let typical = hasNoShots ? (extra.unlabelled == nil ? [] : encodings.last) : encodings.first
        let tokens = (typical ?? []).joined().reduce(0) { $0 + $1.inputIDs.count }
        meanTokens = Double(tokens) / Double(max(1, typical?.count ?? 0))
    }

    /// A line about what is collected.
    var notice: String {
        let sets = [
            (hasNoShots ? "of descriptions" : "training", training), ("validation", evaluated[.validation]),
            ("test", evaluated[.test]),
            ("of descriptions", descriptions), ("without labels", unlabelled),
        ].compactMap { name, set in set.map { "\(grouped($0.texts.count)) \(name)" } }
        return
            "embeddings are made of \(sets.joined(separator: ", ")) texts, in \(plural(source.windowCount, "window"))"
    }

    func solve(
        _ part: EvaluationPart, _ phases: [PhasePlan], _ layouts: [ParameterLayout], _ state: LoadedState
    ) throws -> FewShotSolution {
        let collected = try collected(part, in: phase, of: phases, state)
        guard let weights = state.buffers[.weights] else { throw RunError.failed("the state has no weights") }
        let (values, width) = (collected.values, collected.width)
        func examples(_ set: TextSet) -> TwoViewMethod.Examples {
            TwoViewMethod.Examples(
                features: Self.embeddings(set.windows, values, width: width),
                terms: set.texts.map { LexicalTerms.terms($0) })
        }
        var material = FewShotMethod.Material(
            examples: examples(training), labels: training.labels, classes: labels.count, meanTokens: meanTokens)
        if hasNoShots {
            material = FewShotMethod.Material(
                descriptions: material.examples.features, labels: training.labels, classes: labels.count,
                meanTokens: meanTokens)
        } else if let descriptions {
            material.descriptions = Self.embeddings(descriptions.windows, values, width: width)
            material.descriptionLabels = descriptions.labels
        }
        material.unlabelled = unlabelled.map(examples)
        material.shares = shares
        let outcome =
            try answers.map { student(material, $0.logits()) }
            ?? method.fit(material, team: try ThreadTeam(count: AvailableProcessors.count))
        if answers == nil { try distilled?.take(teaching(outcome, material)) }
        var classifier = outcome.classifier
        var temperature = outcome.temperature
        if classifier.lexical == nil, !method.isEncoderTuned {
            // Then the weights can have it themselves, and other programs see the same probabilities.
            classifier.dense = classifier.dense.scaled(by: 1 / temperature)
            temperature = 1
        }
        let (next, model) = (phases[phase + 1], phases[phase + 1].model)
        let goesOn = !next.steps.isEmpty
        var reports: [EvaluationKind: MetricReport] = [:]
        for (kind, set) in evaluated where !goesOn {
            let found = examples(set)
            let scores = classifier.scores(found.features, terms: found.terms).scaled(by: 1 / temperature)
            reports[kind] = Self.report(scores, set.labels, model, labels)
        }
        let begun = try WeightTransition.weights(
            of: model, layout: layouts[phase + 1],
            from: WeightTransition.State(model: phases[phase].model, layout: layouts[phase], weights: weights),
            seed: next.welcome.seed)
        PooledClassification.write(
            weights: classifier.dense.weights, bias: classifier.dense.bias, to: begun, layouts[phase + 1])
        var solved = LoadedState(weights: begun)
        (solved.step, solved.phase) = (next.steps.lowerBound, phase + 1)
        // Texts that the encoder was tuned on say nothing of how far other texts are.
        let outOfScope =
            method.isEncoderTuned || goesOn || hasNoShots
            ? nil
            : OutOfScopeScore(
                material.examples.features, labels: training.labels, classes: labels.count, seed: method.seed)
        let beside = PooledClassifier(
            classes: labels.count, windows: windows, temperature: temperature, lexical: classifier.lexical,
            outOfScope: outOfScope)
        return FewShotSolution(
            classifier: goesOn ? nil : beside, state: solved, reports: reports, notices: notices(outcome))
    }

    /// The regression on what teachers say of all texts, for the student to begin with.
    private func student(_ material: FewShotMethod.Material, _ logits: [Float]) -> FewShotMethod.Outcome {
        var rows = ScoreMatrix(rows: logits.count / labels.count, classes: labels.count)
        rows.values = logits.map { Double($0) }
        let features = [material.examples.features, material.unlabelled?.features].compactMap { $0 }
        let all = FeatureMatrix(
            rows: features.reduce(0) { $0 + $1.rows }, width: material.examples.features.width,
            values: features.flatMap(\.values))
        var targets = rows.softmax()
        for (row, label) in material.labels.enumerated() {
            for other in labels.indices { targets[row, other] = other == label ? 1 : 0 }
        }
        let regression = TwoViewMethod(lexicalWeight: 0).regression
        return FewShotMethod.Outcome(classifier: regression.fit(all, targets: targets))
    }

    /// What the classifier that was computed says of all texts: their logits, labelled ones first.
    private func teaching(_ outcome: FewShotMethod.Outcome, _ material: FewShotMethod.Material) -> [Float] {
        [material.examples, material.unlabelled].compactMap { $0 }.flatMap { examples in
            outcome.classifier.scores(examples.features, terms: examples.terms).scaled(by: 1 / outcome.temperature)
                .values.map { Float($0) }
        }
    }

    /// The mean over the windows of each text.
    static func embeddings(_ windows: [Range<Int>], _ values: [Float], width: Int) -> FeatureMatrix {
        var result: [Float] = []
        result.reserveCapacity(windows.count * width)
        for range in windows {
            let share = 1 / Float(max(range.count, 1))
            for column in 0..<width {
                var sum: Float = 0
                for window in range { sum += values[window * width + column] }
                result.append(sum * share)
            }
        }
        return FeatureMatrix(rows: windows.count, width: width, values: result)
    }

    /// What an evaluation of these logits finds.
    private static func report(
        _ scores: ScoreMatrix, _ truth: [Int], _ model: ModelSpecification, _ labels: [String]
    ) -> MetricReport {
        let logits = scores.values.map { Float($0) }
        var part = EvaluationPart(model.head)
        logits.withUnsafeBufferPointer {
            guard let start = $0.baseAddress else { return }
            let rows = OutputRows(start, rows: scores.rows, width: scores.classes)
            part.add(EvaluatedBatch(rows, .classes(truth.map { Int32($0) })), of: model)
        }
        return part.report(labels: labels)
    }

    private func notices(_ outcome: FewShotMethod.Outcome) -> [String] {
        guard answers == nil else { return [] }
        func percent(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }
        if hasNoShots {
            return [
                "classifier: of \(plural(training.texts.count, "description")) of the classes alone; how sure it is "
                    + "cannot be told without labelled texts, so its probabilities are not calibrated"
            ] + sharesNotice(outcome)
        }
        guard
            let chosen = outcome.candidates.indices.contains(outcome.chosen) ? outcome.candidates[outcome.chosen] : nil
        else {
            let isAlone = !training.labels.isEmpty && !method.isEncoderTuned
            return
                (isAlone
                ? ["every class has a single text: nothing can be compared, and probabilities are not calibrated"] : [])
                + sharesNotice(outcome)
        }
        var lines = ["tried by \(outcome.validation) of the \(training.texts.count) labelled texts:"]
        let width = outcome.candidates.map(\.name.count).max() ?? 0
        for (number, candidate) in outcome.candidates.enumerated() {
            lines.append(
                "  " + candidate.name.padding(toLength: width, withPad: " ", startingAt: 0)
                    + "  \(percent(candidate.accuracy)) ± \(percent(candidate.standardError))"
                    + (number == outcome.chosen ? "  (chosen)" : ""))
        }
        lines.append(
            "classifier: \(chosen.name)"
                + (outcome.classifier.lexical.map { ", and the words of the texts with weight \($0.weight)" } ?? "")
                + (descriptions == nil ? "" : ", with descriptions of the classes"))
        return lines + sharesNotice(outcome)
    }

    /// A line about the shares of the classes among texts without labels, where there are such.
    private func sharesNotice(_ outcome: FewShotMethod.Outcome) -> [String] {
        func percent(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }
        if let shares = outcome.shares, let unlabelled {
            let sorted = shares.indices.sorted { (-shares[$0], $0) < (-shares[$1], $1) }
            let shown = sorted.prefix(5).map { "\(labels[$0].printable(limit: 30)) \(percent(shares[$0]))" }
            return [
                "learnt from \(grouped(unlabelled.texts.count)) \(unlabelled.texts.count == 1 ? "text" : "texts") without "
                    + "labels; "
                    + (self.shares == nil ? sharesAre(shares) : "given shares")
                    + " of the classes: \(shown.joined(separator: ", "))\(shares.count > 5 ? ", …" : "")"
            ]
        }
        return []
    }

    /// What to call shares that were not given.
    private func sharesAre(_ shares: [Double]) -> String {
        // The classifier is too weak to say them.
        shares.allSatisfy { $0 == shares.first } ? "assumed shares (--class-shares to change)" : "estimated shares"
    }
}
