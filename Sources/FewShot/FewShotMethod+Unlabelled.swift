/// What goes beyond labelled texts.
extension FewShotMethod {
    /// g of a classifier of descriptions alone.
    static let gainWithoutExamples = 20.0

    /// The classifier of descriptions alone: its logits are g D x, with D as ``DescribedClasses`` has it. Nothing says
    /// how sure it is, so the temperature is 1.
    func fitDescriptions(_ material: Material, _ weight: Double) -> Outcome {
        let (classes, width) = (material.classes, material.examples.features.width)
        var prior = [Float](repeating: 0, count: classes * width)
        if let descriptions = material.descriptions {
            prior = DescribedClasses.directions(descriptions, labels: material.descriptionLabels, classes: classes)
        }
        prior = prior.map { $0 * Float(Self.gainWithoutExamples) }
        let dense = LinearClassifier(
            classes: classes, width: width, weights: prior, bias: [Float](repeating: 0, count: classes))
        var outcome = Outcome(
            classifier: TwoViews(dense: dense, lexical: nil), temperature: 1, candidates: [], chosen: 0, validation: "")
        learnFromUnlabelled(material, .regression(standardStrength), weight, prior, &outcome)
        return outcome
    }

    /// Goes on with texts without labels: the shares of their classes are estimated, unless they are given, and both
    /// views teach each other.
    ///
    /// - Parameter trust: How far the estimate is to be trusted, 0 to 1; see ``ClassShares/trust(_:classes:)``.
    func learnFromUnlabelled(
        _ material: Material, _ way: Dense, _ weight: Double, _ prior: [Float]?, _ outcome: inout Outcome,
        trust: Double = 0
    ) {
        guard let unlabelled = material.unlabelled, unlabelled.features.rows > 0 else { return }
        let logits = outcome.classifier.scores(unlabelled.features, terms: unlabelled.terms)
        let classes = material.classes
        let equal = [Double](repeating: 1 / Double(classes), count: classes)
        let fitted = material.labels.isEmpty ? equal : ClassShares.count(material.labels, classes: classes)
        var shares = material.shares ?? equal
        if material.shares == nil, trust > 0 {
            let estimate = ClassShares.estimate(logits.scaled(by: 1 / outcome.temperature).softmax(), fitted: fitted)
            shares = zip(estimate, equal).map { trust * $0 + (1 - trust) * $1 }
        }
        outcome.shares = shares
        var method = TwoViewMethod(lexicalWeight: weight)
        if case .regression(let strength) = way {
            method.regression = LogisticRegression(inverseRegularization: strength)
        }
        outcome.classifier = SelfTraining(method: method).fit(
            material.examples, labels: material.labels, classes: classes, unlabelled: unlabelled,
            initial: outcome.classifier, shares: shares, priorMean: prior)
    }
}
