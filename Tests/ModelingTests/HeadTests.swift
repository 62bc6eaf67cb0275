import Foundation
import Numerics
import Testing

@testable import Modeling

/// What becomes of a classifier that a model folder has.
@Suite struct HeadTests {
    /// A model of one layer whose n-th weight of every tensor is n, written to a folder; removed at the end.
    private final class Folder {
        let path = NSTemporaryDirectory() + "shoal-head-\(UUID().uuidString)"
        var configuration = ModelConfiguration.tiny(
            vocabulary: 8, hidden: 4, layers: 1, heads: 2, intermediate: 4, positions: 8)

        init(labels: [String], without: String? = nil, change: (inout ModelConfiguration) -> Void = { _ in }) throws {
            configuration.labels = labels
            change(&configuration)
            let layout = ParameterLayout(configuration.classifier())
            let weights = FloatBuffer(count: layout.count)
            for parameter in layout.parameters {
                for i in 0..<parameter.count { weights.pointer[parameter.offset + i] = Float(i) }
            }
            let tensors = WeightLoader.tensors(of: weights, layout: layout, family: BERT.self).filter { tensor in
                without.map { !tensor.name.hasPrefix($0) } ?? true
            }
            try withExtendedLifetime(weights) {
                try ModelFolder.write(to: path, configuration: configuration, tensors: tensors, tokenizerFrom: nil)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func load(_ labels: [String], seed: UInt64 = 1) throws -> (WeightLoader.Loaded, [[Float]], [Float]) {
            var wanted = configuration
            wanted.labels = labels
            let layout = ParameterLayout(wanted.classifier())
            let loaded = try WeightLoader.load(
                try ModelFolder(path: path), wanted.classifier(), layout: layout,
                missingHead: .initialize(seed: seed), labels: labels)
            func values(_ name: String) -> [Float] {
                layout.parameters.filter { BERT.tensorName($0.id) == name }.flatMap { parameter in
                    parameter.range.map { loaded.weights.pointer[$0] }
                }
            }
            let weight = values("classifier.weight")
            return (
                loaded, labels.indices.map { Array(weight[($0 * 4)..<($0 * 4 + 4)]) }, values("classifier.bias")
            )
        }
    }

    @Test func `rows go with their labels, in whatever order those are`() throws {
        let folder = try Folder(labels: ["pos", "neg"])
        let (loaded, rows, bias) = try folder.load(["neg", "pos"])
        #expect(rows == [[4, 5, 6, 7], [0, 1, 2, 3]] && bias == [1, 0])
        #expect(loaded.drawn.isEmpty && loaded.keptLabels == [0, 1] && loaded.unused.isEmpty)
        let same = try folder.load(["pos", "neg"])
        #expect(same.1 == [[0, 1, 2, 3], [4, 5, 6, 7]] && same.0.keptLabels.isEmpty && same.0.drawn.isEmpty)
        let numbers = try Folder(labels: ["LABEL_0", "LABEL_1"]).load(["0", "1"])
        #expect(numbers.1 == [[0, 1, 2, 3], [4, 5, 6, 7]] && numbers.0.keptLabels == [0, 1])
    }

    @Test func `rows of new labels are drawn, with the bits that a new head has`() throws {
        let folder = try Folder(labels: ["a", "b"])
        let (mixed, rows, bias) = try folder.load(["b", "c"])
        let (new, drawn, zeros) = try folder.load(["x", "y"])
        #expect(
            new.drawn == [.head("classifier", .weight), .head("classifier", .bias)] && new.keptLabels.isEmpty
                && zeros == [0, 0])
        #expect(new.replaced == new.drawn && new.unused.isEmpty)
        #expect(mixed.drawn == new.drawn && mixed.keptLabels == [0])
        #expect(rows == [[4, 5, 6, 7], drawn[1]] && bias == [1, 0])
        let without = try Folder(labels: ["a", "b"], without: "classifier").load(["x", "y"])
        #expect(without.1 == drawn && without.0.replaced.isEmpty && without.0.unused.isEmpty)
    }

    @Test func `a pooler that is missing is drawn and named`() throws {
        let folder = try Folder(labels: ["a", "b"], without: "bert.pooler")
        #expect(try folder.load(["a", "b"]).0.drawn == [.head("pooler", .weight), .head("pooler", .bias)])
    }

    @Test func `a classifier whose labels are unknown is not taken over`() throws {
        let folder = try Folder(labels: ["0", "1"])
        let path = folder.path + "/config.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        for change in [("\"0\": \"0\"", "\"0\": true"), ("BertForSequence", "BertForToken")] {
            let changed = text.replacing(change.0, with: change.1)
            #expect(changed != text)
            try Data(changed.utf8).write(to: URL(fileURLWithPath: path))
            #expect(try folder.load(["0", "1"]).0.drawn == [.head("classifier", .weight), .head("classifier", .bias)])
        }
    }
}
