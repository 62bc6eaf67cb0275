import Foundation
import Numerics

/// Learns a classifier of texts from few labelled ones: from their embeddings and, where texts are long, their terms;
/// from what the classes are called or described by; and from texts without labels.
///
/// Everything is a function of the data and the seed. What is chosen is chosen by repeated stratified cross-validation
/// on the labelled texts alone: the standard choice, unless a rival is better by more than the standard error of the
/// difference.
public struct FewShotMethod: Sendable {
    /// C of the logistic regression, unless another one of ``strengths`` is clearly better.
    public var standardStrength = 10.0
    /// The values of C that are tried.
    public var strengths: [Double] = [1, 10, 100]
    /// How often the labelled texts are cut into folds.
    public var repetitions = 2
    /// Draws the folds.
    public var seed: UInt64
    /// a of ``TwoViews``; nil for the rule by the length of the texts.
    public var lexicalWeight: Double?
    /// Whether the encoder has learnt from the labelled texts. Then holding some of them out says nothing of texts that
    /// it has not seen: nothing is chosen, and no temperature is fitted.
    public var isEncoderTuned = false

    /// Of this seed.
    public init(seed: UInt64) { self.seed = seed }

    /// What there is to learn from.
    public struct Material: Sendable {
        /// The labelled texts.
        public var examples: TwoViewMethod.Examples
        /// Their classes.
        public var labels: [Int]
        /// The number of classes.
        public var classes: Int
        /// Tokens of a text, on average.
        public var meanTokens: Double
        /// Embeddings of descriptions of the classes; nil without.
        public var descriptions: FeatureMatrix?
        /// The class of each description.
        public var descriptionLabels: [Int] = []
        /// Texts without labels; nil without.
        public var unlabelled: TwoViewMethod.Examples?
        /// The shares of the classes among those; nil where they are to be estimated.
        public var shares: [Double]?

        /// Labelled texts alone.
        public init(examples: TwoViewMethod.Examples, labels: [Int], classes: Int, meanTokens: Double) {
            precondition(examples.features.rows == labels.count && classes > 0)
            (self.examples, self.labels, self.classes, self.meanTokens) = (examples, labels, classes, meanTokens)
        }

        /// Descriptions alone.
        public init(descriptions: FeatureMatrix, labels: [Int], classes: Int, meanTokens: Double) {
            precondition(descriptions.rows == labels.count && classes > 0)
            examples = TwoViewMethod.Examples(
                features: FeatureMatrix(rows: 0, width: descriptions.width, values: []), terms: [])
            (self.labels, self.classes, self.meanTokens) = ([], classes, meanTokens)
            (self.descriptions, descriptionLabels) = (descriptions, labels)
        }
    }

    /// A method that was tried.
    public struct Candidate: Sendable, Equatable {
        /// For people.
        public var name: String
        /// The mean accuracy on held-out texts.
        public var accuracy: Double
        /// Of the accuracy.
        public var standardError: Double
        /// The mean cross-entropy on held-out texts, after a temperature is fitted to it.
        public var loss: Double
    }

    /// What was learnt.
    public struct Outcome: Sendable {
        /// The classifier.
        public var classifier: TwoViews
        /// What its logits are to be divided by.
        public var temperature: Double
        /// What was tried, in this order; nothing where the encoder has learnt from the labelled texts.
        public var candidates: [Candidate]
        /// The one of them that was chosen.
        public var chosen: Int
        /// How held-out texts were made, for people.
        public var validation: String
        /// The estimated shares of the classes among texts without labels; nil without such texts.
        public var shares: [Double]?
    }

    /// A way from embeddings to a linear classifier.
    enum Dense: Equatable, Sendable {
        case regression(Double)
        case discriminant
        case centres

        var name: String {
            switch self {
            case .regression(let strength):
                "logistic regression, C = \(strength == strength.rounded() ? String(Int(strength)) : "\(strength)")"
            case .discriminant: "shrunk discriminant analysis"
            case .centres: "class centres"
            }
        }
    }

    /// Scores of the labelled texts by classifiers that have not seen them, one matrix for each repetition.
    private struct Held {
        var dense: Dense
        var scores: [ScoreMatrix]
    }

    /// Learns.
    ///
    /// - Parameter team: Threads to compute on; nil for this one alone. The outcome does not depend on them.
    public func fit(_ material: Material, team: ThreadTeam? = nil) -> Outcome {
        let weight = lexicalWeight ?? TwoViewMethod.lexicalWeight(meanTokens: material.meanTokens)
        guard !material.labels.isEmpty else { return fitDescriptions(material, weight) }
        guard !isEncoderTuned else {
            let way = Dense.regression(standardStrength)
            var outcome = Outcome(
                classifier: fit(material.examples, material.labels, material.classes, way, weight), temperature: 1,
                candidates: [], chosen: 0, validation: "")
            // Nothing is held out that could say how far the estimate of shares is to be trusted; equal ones are worse.
            learnFromUnlabelled(material, way, weight, nil, &outcome, trust: 1)
            return outcome
        }
        let folds = (0..<repetitions).map { Folds(material.labels, seed: seed, repetition: $0) }
        // The standard choice first: of equally good ones it is taken.
        var ways: [Dense] = [.regression(standardStrength)]
        ways += strengths.filter { $0 != standardStrength }.map { .regression($0) }
        // These have no place for a prior.
        if material.descriptions == nil { ways += [.discriminant, .centres] }
        // The part by terms is the same for all.
        let foldings = folds.map(\.numbers)
        let lexical = lexicalScores(material, weight, foldings, team)
        let held = zip(ways, heldOut(material, ways, foldings, team)).map { way, scores in
            Held(dense: way, scores: zip(scores, lexical).map { Self.fuse($0, $1, weight) })
        }
        // A text that is alone in its class is of none when it is held out: what a method makes of it says nothing.
        let rows = Self.rowsWithCompany(material.labels)
        let known = rows.map { material.labels[$0] }
        let comparable = held.map { held in Held(dense: held.dense, scores: held.scores.map { $0.selecting(rows) }) }
        let chosen = choose(comparable, known)
        let way = ways[chosen]
        var prior = describedPrior(material)
        var views = fit(material.examples, material.labels, material.classes, way, weight)
        var logits = held[chosen].scores
        if let directions = prior, case .regression(let strength) = way {
            let method = DescribedClasses(regression: LogisticRegression(inverseRegularization: strength))
            let described = method.fit(
                material.examples.features, labels: material.labels, classes: material.classes, directions: directions,
                folds: foldings, rows: rows, team: team
            ) { Self.fuse($0, lexical[$1], weight) }
            views.dense = described.classifier
            let gain = zip(method.gains, described.shares).reduce(0) { $0 + $1.0 * $1.1 }
            prior = directions.map { $0 * Float(gain) }
            logits = zip(described.heldOut, lexical).map { Self.fuse($0, $1, weight) }
        }
        logits = logits.map { $0.selecting(rows) }
        let temperature =
            rows.isEmpty
            ? 1
            : TemperatureScaling.fit(
                ScoreMatrix(stacking: logits), labels: logits.flatMap { _ in known }, texts: rows.count)
        var outcome = Outcome(
            classifier: views, temperature: temperature,
            candidates: rows.isEmpty ? [] : comparable.map { candidate($0, known) }, chosen: chosen,
            validation: rows.isEmpty ? "" : folds[0].text + (repetitions > 1 ? ", \(repetitions) times" : ""))
        let trust = ClassShares.trust(Self.correctness(logits, known), classes: material.classes)
        learnFromUnlabelled(material, way, weight, prior, &outcome, trust: trust)
        return outcome
    }

    /// The texts whose class has others.
    static func rowsWithCompany(_ labels: [Int]) -> [Int] {
        let counts = Dictionary(grouping: labels) { $0 }.mapValues(\.count)
        return labels.indices.filter { counts[labels[$0], default: 0] > 1 }
    }

    // MARK: parts

    private func fit(
        _ examples: TwoViewMethod.Examples, _ labels: [Int], _ classes: Int, _ way: Dense, _ weight: Double
    ) -> TwoViews {
        let method = TwoViewMethod(lexicalWeight: weight)
        return TwoViews(
            dense: dense(examples.features, labels, classes, way),
            lexical: method.lexical(examples, targets: .oneHot(labels, classes: classes)))
    }

    private func dense(_ features: FeatureMatrix, _ labels: [Int], _ classes: Int, _ way: Dense) -> LinearClassifier {
        switch way {
        case .regression(let strength):
            LogisticRegression(inverseRegularization: strength).fit(features, labels: labels, classes: classes)
        case .discriminant: ShrunkDiscriminant.fit(features, labels: labels, classes: classes)
        case .centres: ClassCentres.fit(features, labels: labels, classes: classes)
        }
    }

    /// Held-out scores by embeddings, by way and by folding.
    private func heldOut(
        _ material: Material, _ ways: [Dense], _ foldings: [[Int]], _ team: ThreadTeam?
    ) -> [[ScoreMatrix]] {
        CrossValidation.scores(
            material.labels, foldings: foldings, classes: material.classes, ways: ways.count, team: team
        ) { way, train, out in
            dense(
                material.examples.features.selecting(train), train.map { material.labels[$0] }, material.classes,
                ways[way]
            ).scores(material.examples.features.selecting(out))
        }
    }

    /// Held-out scores by embeddings with those by terms, if there are any.
    private static func fuse(_ dense: ScoreMatrix, _ lexical: ScoreMatrix?, _ weight: Double) -> ScoreMatrix {
        let dense = dense.logSoftmax()
        return lexical.map { dense.adding($0, times: weight) } ?? dense
    }

    /// Held-out scores by terms, by folding; nil where these count for nothing.
    private func lexicalScores(
        _ material: Material, _ weight: Double, _ foldings: [[Int]], _ team: ThreadTeam?
    ) -> [ScoreMatrix?] {
        let method = TwoViewMethod(lexicalWeight: weight)
        guard weight > 0 else { return foldings.map { _ in nil } }
        return CrossValidation.scores(
            material.labels, foldings: foldings, classes: material.classes, ways: 1, team: team
        ) { _, train, out in
            let labels = train.map { material.labels[$0] }
            let part = method.lexical(
                material.examples.selecting(train), targets: .oneHot(labels, classes: material.classes))
            let rows = out.map {
                part?.view.row(material.examples.terms[$0]) ?? LexicalView.Row(columns: [], values: [])
            }
            return part?.scores(rows).logSoftmax() ?? ScoreMatrix(rows: out.count, classes: material.classes)
        }[0]
    }

    /// What each text has been worth over the repetitions: the share of them in which it was recognised.
    private static func correctness(_ held: [ScoreMatrix], _ labels: [Int]) -> [Double] {
        var sums = [Double](repeating: 0, count: labels.count)
        for scores in held {
            for (row, best) in scores.best().enumerated() where best == labels[row] {
                sums[row] += 1 / Double(held.count)
            }
        }
        return sums
    }

    /// The mean of numbers, and its standard error.
    static func mean(_ values: [Double]) -> (mean: Double, standardError: Double) {
        let count = Double(max(values.count, 1))
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - 1, 1)
        return (mean, (variance / count).squareRoot())
    }

    /// The first, or the rival with the highest accuracy where it is better by more than the standard error of the
    /// difference.
    private func choose(_ held: [Held], _ labels: [Int]) -> Int {
        let standard = Self.correctness(held[0].scores, labels)
        var (chosen, gain) = (0, 0.0)
        for number in held.indices.dropFirst() {
            let difference = Self.mean(zip(Self.correctness(held[number].scores, labels), standard).map { $0 - $1 })
            if difference.mean > difference.standardError, difference.mean > gain {
                (chosen, gain) = (number, difference.mean)
            }
        }
        return chosen
    }

    private func candidate(_ held: Held, _ labels: [Int]) -> Candidate {
        let found = Self.mean(Self.correctness(held.scores, labels))
        let losses = held.scores.map { scores in
            scores.scaled(by: 1 / TemperatureScaling.fit(scores, labels: labels)).crossEntropy(labels)
        }
        return Candidate(
            name: held.dense.name, accuracy: found.mean, standardError: found.standardError,
            loss: losses.reduce(0, +) / Double(max(losses.count, 1)))
    }

    private func describedPrior(_ material: Material) -> [Float]? {
        material.descriptions.map {
            DescribedClasses.directions($0, labels: material.descriptionLabels, classes: material.classes)
        }
    }
}

/// How labelled texts are cut into folds, whatever their number.
private struct Folds {
    /// The fold of each text.
    var numbers: [Int]
    /// For people.
    var text: String

    /// Texts that can each be a fold, at most.
    private static let mostAlone = 100

    init(_ labels: [Int], seed: UInt64, repetition: Int) {
        if let count = StratifiedFolds.largestCount(labels) {
            numbers = StratifiedFolds.assign(labels, count: count, seed: seed, repetition: repetition)
            text = "\(count)-fold cross-validation"
        } else if labels.count <= Self.mostAlone {
            // A class with one example is in no training set when that is held out: it cannot be recognised then.
            numbers = Array(labels.indices)
            text = "leave-one-out, since a class has a single example, which is not counted,"
        } else {
            numbers = StratifiedFolds.assign(labels, count: 5, seed: seed, repetition: repetition)
            text = "5-fold cross-validation, in which classes of a single example are not counted,"
        }
    }
}
