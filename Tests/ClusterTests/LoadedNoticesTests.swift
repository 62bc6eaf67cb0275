import Modeling
import Numerics
import TestSupport
import Testing

@testable import Cluster

/// What a training says of the model it begins with.
@Suite struct LoadedNoticesTests {
    /// The lines for a folder with the labels "a" and "b" that lacks the tensors whose names begin with one of
    /// `without`, and has those of `extra`, trained with `labels`; `@` stands for the folder.
    private func notices(_ labels: [String], without: [String] = [], extra: [String] = []) throws -> [String] {
        let scratch = try Scratch()
        var configuration = ModelConfiguration.tiny(vocabulary: 8, hidden: 4, layers: 1, heads: 2, labels: ["a", "b"])
        let layout = ParameterLayout(configuration.classifier())
        let weights = FloatBuffer(count: layout.count)
        var tensors = WeightLoader.tensors(of: weights, layout: layout, family: configuration.family)
        let some = tensors[0]
        tensors.removeAll { tensor in without.contains { tensor.name.hasPrefix($0) } }
        for name in extra {
            var tensor = some
            tensor.name = name
            tensors.append(tensor)
        }
        try withExtendedLifetime(weights) {
            try ModelFolder.write(
                to: scratch.file("m"), configuration: configuration, tensors: tensors, tokenizerFrom: nil)
        }
        configuration.labels = labels
        let model = configuration.classifier()
        let folder = try ModelFolder(path: scratch.file("m"))
        return try WeightLoader.load(
            folder, model, layout: ParameterLayout(model), missingHead: .initialize(seed: 1), labels: labels
        ).notices(labels: labels, head: model.head, of: folder).map { $0.replacing(folder.path, with: "@") }
    }

    @Test func `a classifier that is missing or for other labels is said to be new`() throws {
        #expect(try notices(["a", "b"]) == [])
        #expect(try notices(["a", "b"], without: ["classifier"]) == ["@ has no classifier: it is drawn anew"])
        #expect(try notices(["x", "y"]) == ["@ has a classifier for other labels: it is drawn anew"])
        #expect(
            try notices(["x", "y"], without: ["classifier", "bert.pooler"]) == [
                "@ has no classifier: it is drawn anew, and so is the pooler, which it lacks"
            ])
        #expect(try notices(["a", "b"], without: ["bert.pooler"]) == ["@ has no pooler: it is drawn anew"])
        #expect(
            try notices(["b", "c"], without: ["bert.pooler"]) == [
                "the classifier goes on from that of @, its rows matched by label (b); drawn anew: c",
                "@ has no pooler: it is drawn anew",
            ])
    }

    @Test func `tensors that are not used are named, whatever they are called`() throws {
        #expect(
            try notices(["x", "y"], without: ["classifier"], extra: ["classifier.dense.weight"]) == [
                "@ has no classifier: it is drawn anew", "@: not used: 1 tensor classifier.dense.weight",
            ])
        #expect(
            try notices(["a", "b"], extra: ["cls.predictions.bias", "lm.b", "lm.a"]) == [
                "@: not used: 2 tensors, such as lm.a"
            ])
    }
}
