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
