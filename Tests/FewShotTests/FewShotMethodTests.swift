import Foundation
import Numerics
import Testing

@testable import FewShot

struct FewShotMethodTests {
    /// Points around a centre for each of three classes, with words that go with the class.
    private func material(_ perClass: Int, spread: Double, seed: UInt64, meanTokens: Double = 10)
        -> FewShotMethod.Material
    {
        var random = PhiloxStream(seed: seed, purpose: .split)
        let width = 8
        var (values, labels, terms) = ([Float](), [Int](), [[String]]())
        for label in 0..<3 {
            for _ in 0..<perClass {
                for column in 0..<width {
                    values.append(Float((column == label ? 1 : 0) + spread * (random.nextUnit() - 0.5)))
                }
                labels.append(label)
                terms.append(["word\(label)", "word\(random.next(below: 3))", "all"])
            }
        }
        return FewShotMethod.Material(
            examples: TwoViewMethod.Examples(
                features: FeatureMatrix(rows: labels.count, width: width, values: values), terms: terms),
            labels: labels, classes: 3, meanTokens: meanTokens)
    }

    private func accuracy(_ outcome: FewShotMethod.Outcome, _ material: FewShotMethod.Material) -> Double {
        outcome.classifier.scores(material.examples.features, terms: material.examples.terms).accuracy(material.labels)
    }

    @Test func `it is a function of the data and the seed`() {
        let few = material(6, spread: 2, seed: 1, meanTokens: 100)
        let (one, two) = (FewShotMethod(seed: 3).fit(few), FewShotMethod(seed: 3).fit(few))
        #expect(one.classifier == two.classifier && one.temperature == two.temperature)
        #expect(one.candidates == two.candidates)
    }

    @Test(arguments: [1, 2, 3, 7]) func `the number of threads changes no bit`(threads: Int) throws {
        let team = try ThreadTeam(count: threads)
        for meanTokens in [10.0, 100] {
            var few = material(6, spread: 2, seed: 1, meanTokens: meanTokens)
            for _ in 0..<2 {
                let (alone, together) = (FewShotMethod(seed: 3).fit(few), FewShotMethod(seed: 3).fit(few, team: team))
                #expect(alone.classifier == together.classifier && alone.temperature == together.temperature)
                #expect(alone.candidates == together.candidates && alone.chosen == together.chosen)
                // And with descriptions.
                few.descriptions = few.examples.features.selecting([0, 6, 12])
                few.descriptionLabels = [0, 1, 2]
            }
        }
    }

    @Test func `terms count where texts are long`() {
        #expect(FewShotMethod(seed: 3).fit(material(6, spread: 2, seed: 1, meanTokens: 60)).classifier.lexical == nil)
        #expect(FewShotMethod(seed: 3).fit(material(6, spread: 2, seed: 1, meanTokens: 61)).classifier.lexical != nil)
    }

    @Test func `the standard choice stays where no rival is clearly better`() {
        let outcome = FewShotMethod(seed: 3).fit(material(6, spread: 0.1, seed: 1))
        #expect(outcome.chosen == 0 && outcome.candidates[0].name == "logistic regression, C = 10")
        #expect(outcome.candidates.allSatisfy { $0.accuracy == 1 && $0.standardError == 0 })
        #expect(outcome.candidates.count == 5)
    }

    @Test func `a class of one example is left out one at a time`() {
        var few = material(3, spread: 0.5, seed: 1)
        few.examples = few.examples.selecting([0, 3, 4, 6, 7])
        few.labels = [0, 1, 1, 2, 2]
        let outcome = FewShotMethod(seed: 3).fit(few)
        #expect(outcome.validation.hasPrefix("leave-one-out"))
        #expect(accuracy(outcome, few) == 1)
        // The one that is alone is of no known class when it is left out: it is not counted.
        #expect(outcome.candidates[0].accuracy > 0.5 && outcome.chosen == 0)
    }

    @Test func `where every class has one example nothing is compared`() {
        var few = material(1, spread: 0.1, seed: 1)
        few.labels = [0, 1, 2]
        let outcome = FewShotMethod(seed: 3).fit(few)
        #expect(outcome.candidates.isEmpty && outcome.chosen == 0 && outcome.temperature == 1)
        #expect(accuracy(outcome, few) == 1)
    }

    @Test func `shares are estimated for an encoder that has learnt, too`() throws {
        var few = material(8, spread: 0.5, seed: 1)
        let others = material(40, spread: 0.5, seed: 4)
        few.unlabelled = others.examples.selecting(Array(0..<60))
        var method = FewShotMethod(seed: 3)
        method.isEncoderTuned = true
        let shares = try #require(method.fit(few).shares)
        #expect(shares[0] > 0.5 && shares[2] < 0.2, "of three classes the first has two thirds: \(shares)")
    }

    @Test func `with descriptions only methods with a prior are compared`() {
        var few = material(4, spread: 2, seed: 2)
        few.descriptions = few.examples.features.selecting([0, 4, 8])
        few.descriptionLabels = [0, 1, 2]
        let outcome = FewShotMethod(seed: 3).fit(few)
        #expect(outcome.candidates.allSatisfy { $0.name.hasPrefix("logistic regression") })
    }

    @Test func `the temperature makes probabilities of held-out texts honest`() {
        let outcome = FewShotMethod(seed: 3).fit(material(20, spread: 4, seed: 1))
        #expect(outcome.temperature > 0.01 && outcome.temperature < 100)
        let test = material(300, spread: 4, seed: 9)
        let logits = outcome.classifier.scores(test.examples.features, terms: test.examples.terms)
        let scaled = logits.scaled(by: 1 / outcome.temperature)
        let found = TemperatureScaling.expectedCalibrationError(scaled.softmax(), labels: test.labels)
        #expect(found < 0.1, "\(found)")
    }

    @Test func `descriptions of the classes help where examples are few`() {
        var few = material(2, spread: 2, seed: 2)
        let test = material(300, spread: 2, seed: 9)
        let without = accuracy(FewShotMethod(seed: 3).fit(few), test)
        var values = [Float](repeating: 0, count: 24)
        for label in 0..<3 { values[label * 8 + label] = 1 }
        few.descriptions = FeatureMatrix(rows: 3, width: 8, values: values)
        few.descriptionLabels = [0, 1, 2]
        let with = accuracy(FewShotMethod(seed: 3).fit(few), test)
        #expect(with > without + 0.02, "\(with) against \(without)")
    }

    @Test func `shares of classes among texts without labels are estimated, or as given`() throws {
        var few = material(20, spread: 1, seed: 1)
        let all = material(200, spread: 1, seed: 9)
        // Many of the first class, few of the last.
        let chosen = Array(0..<200) + Array(200..<300) + Array(400..<420)
        few.unlabelled = all.examples.selecting(chosen)
        let outcome = FewShotMethod(seed: 3).fit(few)
        let shares = try #require(outcome.shares)
        #expect(abs(shares[0] - 200.0 / 320) < 0.06 && abs(shares[2] - 20.0 / 320) < 0.06, "\(shares)")
        few.shares = [0.5, 0.25, 0.25]
        #expect(FewShotMethod(seed: 3).fit(few).shares == [0.5, 0.25, 0.25])
    }

    @Test func `descriptions alone make a classifier, and texts without labels better it`() throws {
        var random = PhiloxStream(seed: 4, purpose: .split)
        var values: [Float] = []
        for label in 0..<3 {
            for i in 0..<8 { values.append(Float(i == label ? 1 : 0) + 0.9 * Float(random.nextUnit())) }
        }
        var alone = FewShotMethod.Material(
            descriptions: FeatureMatrix(rows: 3, width: 8, values: values), labels: [0, 1, 2], classes: 3,
            meanTokens: 10)
        let test = material(200, spread: 2, seed: 9)
        let first = FewShotMethod(seed: 3).fit(alone)
        #expect(first.temperature == 1 && first.shares == nil && first.candidates.isEmpty)
        let without = accuracy(first, test)
        #expect(without > 0.6)
        alone.unlabelled = material(200, spread: 2, seed: 10).examples
        let second = FewShotMethod(seed: 3).fit(alone)
        // Nothing says how good the classifier is, so that it is not asked how often the classes occur.
        #expect(second.shares == [Double](repeating: 1 / 3, count: 3))
        #expect(accuracy(second, test) > without)
    }

    @Test func `a weak classifier is not trusted to say how often classes occur`() throws {
        var few = material(8, spread: 12, seed: 1)
        few.unlabelled = material(100, spread: 12, seed: 9).examples
        let shares = try #require(FewShotMethod(seed: 3).fit(few).shares)
        #expect(shares == [Double](repeating: 1 / 3, count: 3))
        #expect(ClassShares.trust([1, 1, 1, 1], classes: 2) == 1)
        #expect(ClassShares.trust([1, 1, 0, 1, 0, 1], classes: 2) == 0)
        let between = ClassShares.trust(
            [Double](repeating: 1, count: 86) + [Double](repeating: 0, count: 14), classes: 2)
        #expect(between > 0.3 && between < 0.7, "\(between)")
    }
}
