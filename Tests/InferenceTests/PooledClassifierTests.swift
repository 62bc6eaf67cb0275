import Corpus
import FewShot
import Foundation
import Modeling
import Support
import TestSupport
import Testing
import Tokenization

@testable import Inference

/// What a classifier on embeddings has beside its weights.
@Suite struct PooledClassifierTests {
    private func lexical(weight: Double = 0.5) -> TwoViews.Lexical {
        TwoViews.Lexical(
            view: LexicalView(terms: ["cod", "fig"], weights: [1.5, 1.25]),
            ridge: RidgeRegression.Solution(weights: [1, -1, -1, 1], bias: [0.25, -0.25], columns: 2), weight: weight,
            scale: 8)
    }

    /// Of two classes and embeddings of `width` numbers.
    private func outOfScope(_ width: Int) -> OutOfScopeScore {
        let values = (0..<(2 * width)).map { Float($0 % 5) / 4 }
        return OutOfScopeScore(
            centres: FeatureMatrix(rows: 2, width: width, values: values),
            regression: LinearClassifier(
                classes: 2, width: width, weights: values.reversed(), bias: [0.5, -0.5]),
            distance: .init(mean: 1.1, deviation: 0.3), energy: .init(mean: -2, deviation: 0.7), median: 0.1,
            threshold: 1.7)
    }

    private func outputs(_ text: String, _ values: [Float]) -> TextOutputs {
        TextOutputs(
            example: Example(text: text), encoding: Encoding(inputIDs: [2, 3], typeIDs: [0, 0]), values: values)
    }

    @Test func `logits are the mean over windows, divided by the temperature`() {
        let classifier = PooledClassifier(classes: 2, windows: 2, temperature: 2, lexical: nil)
        #expect(classifier.combined(outputs("x", [1, 2, 3, 8])).values == [1, 2.5])
        #expect(PooledClassifier(classes: 2).combined(outputs("x", [1, 2])).values == [1, 2])
    }

    @Test func `terms add what they know`() {
        let classifier = PooledClassifier(classes: 2, windows: 1, temperature: 1, lexical: lexical())
        let fish = classifier.combined(outputs("Cod, cod!", [0, 0])).values
        let fruit = classifier.combined(outputs("a fig", [0, 0])).values
        #expect(fish[0] > fish[1] && fruit[1] > fruit[0])
        // log 1/2 + 0.5 log softmax(8 (1 + 0.25), -8 (1 + 0.25))
        #expect(abs(Double(fish[0]) - log(0.5)) < 1e-5 && abs(Double(fish[1]) - (log(0.5) - 10)) < 1e-5)
    }

    @Test func `the file is read as it was written`() throws {
        let folder = try ScratchModel()
        #expect(try PooledClassifier(folder.folder).windows == 1)
        let classifier = PooledClassifier(classes: 2, windows: 3, temperature: 1.5, lexical: lexical())
        let json = try classifier.json()
        #expect(try classifier.json() == json)
        try folder.write(json)
        let read = try PooledClassifier(folder.folder)
        #expect(read.windows == 3 && read.temperature == 1.5 && read.lexical == classifier.lexical && read.classes == 2)
    }

    @Test func `embeddings behind the logits are taken apart, and say how far a text is`() {
        var classifier = PooledClassifier(
            classes: 2, windows: 2, temperature: 2, lexical: nil, outOfScope: outOfScope(3))
        classifier.appendedWidth = 3
        // Two windows: two logits and three numbers of an embedding each.
        let found = classifier.combined(outputs("x", [1, 2, 0.5, 0, 1, 3, 8, 0.25, 1, 0]))
        #expect(found.values == [1, 2.5] && found.embedding == [0.375, 0.5, 0.5])
        let expected = outOfScope(3).scores(FeatureMatrix(rows: 1, width: 3, values: [0.375, 0.5, 0.5]))
        #expect(found.outOfScope == expected[0])
        classifier.outOfScope = nil
        #expect(classifier.combined(outputs("x", [1, 2, 0.5, 0, 1])).outOfScope == nil)
        classifier.appendedWidth = 0
        #expect(classifier.combined(outputs("x", [1, 2])).embedding == nil)
    }

    @Test func `what is known of texts out of scope is read as it was written, and checked`() throws {
        let folder = try ScratchModel()
        let width = folder.folder.configuration.encoder.hidden
        let classifier = PooledClassifier(
            classes: 2, windows: 1, temperature: 1, lexical: nil, outOfScope: outOfScope(width))
        try folder.write(try classifier.json())
        #expect(try PooledClassifier(folder.folder).outOfScope == classifier.outOfScope)
        let good = String(decoding: try classifier.json(), as: UTF8.self)
        func problem(_ text: String) -> String {
            do {
                try folder.write(Data(text.utf8))
                _ = try PooledClassifier(folder.folder)
                return "none"
            } catch { return "\(error)" }
        }
        let refusal = "its part for texts out of scope does not fit the 2 classes and the \(width) numbers"
        #expect(problem(good) == "none")
        for (old, new) in [
            ("0.7", "0"), ("0.7", "-1"), ("1.7", "0.1"), ("\"centres\" : \"", "\"centres\" : \"AAAAAAAA"),
            ("\"bias\" : \"", "\"bias\" : \"AADAf"),
        ] {
            #expect(good.contains(old), "\(good)")
            let found = problem(good.replacing(old, with: new, maxReplacements: 1))
            #expect(found.contains(refusal) || found.contains("is not what"), "\(old): \(found)")
        }
        let other = PooledClassifier(
            classes: 2, windows: 1, temperature: 1, lexical: nil, outOfScope: outOfScope(width + 1))
        #expect(problem(String(decoding: try other.json(), as: UTF8.self)).contains(refusal))
    }

    @Test func `a file that is damaged is refused by name`() throws {
        let folder = try ScratchModel()
        func problem(_ text: String) -> String {
            do {
                try folder.write(Data(text.utf8))
                _ = try PooledClassifier(folder.folder)
                return "none"
            } catch { return "\(error)" }
        }
        #expect(problem("{").contains("shoal_classifier.json: is not what"))
        #expect(problem("{\"windows\": 0, \"temperature\": 1}").contains("windows is 0"))
        #expect(problem("{\"windows\": 1, \"temperature\": 0}").contains("temperature is 0"))
        let good = String(
            decoding: try PooledClassifier(classes: 2, windows: 1, temperature: 1, lexical: lexical()).json(),
            as: UTF8.self)
        #expect(problem(good) == "none")
        #expect(
            problem(good.replacing("\"fig\"", with: "\"fig\", \"plum\"")).contains("its part for terms does not fit"))
        #expect(problem(good.replacing("\"weight\" : 0.5", with: "\"weight\" : -1")).contains("its part for terms"))
    }
}

/// A model folder with two classes.
private struct ScratchModel {
    private let scratch: Scratch
    let folder: ModelFolder

    init() throws {
        scratch = try Scratch()
        let configuration = ModelConfiguration.tiny(vocabulary: 6, labels: ["fish", "fruit"])
        try scratch.write(String(decoding: configuration.json(), as: UTF8.self), "config.json")
        folder = try ModelFolder(path: scratch.path, requiresWeights: false)
    }

    func write(_ data: Data) throws {
        try scratch.write(String(decoding: data, as: UTF8.self), PooledClassifier.fileName)
    }
}
