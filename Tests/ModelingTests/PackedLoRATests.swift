import Foundation
import Numerics
import Testing

@testable import Modeling

/// Adapters of query, key and value as one module, against `peft`. The folders are written by it, without names of
/// labels.
@Suite struct PackedLoRATests {
    @Test(arguments: ["lora-packed", "lora-packed-tokens"])
    func `logits, loss and gradients equal those of peft, merged or not`(name: String) throws {
        let path = try Fixture.path(name)
        let folder = try ModelFolder(path: path)
        let adapter = try AdapterFolder(path: path + "/adapter", for: folder.configuration)
        #expect(adapter.adapter.targets == [.queryKeyValue] && adapter.adapter.rank == 4)
        #expect(adapter.purpose == folder.configuration.purpose)
        let reference = try FamilyReference(path) {
            $0.adapter = adapter.adapter
            $0.trainable = .besideAdapter($0.head)
        }
        let layout = reference.layout
        let labels = folder.configuration.labels
        #expect(
            try adapter.read(into: reference.loaded.weights, layout, labels: labels, purpose: adapter.purpose) == .read)
        let model = reference.model()
        let logits = try reference.floats("logits")
        let outputs = model.outputs(reference.batch)
        #expect(outputs.count == logits.count && zip(outputs, logits).allSatisfy { abs($0 - $1) < 1e-4 })
        let (gradient, loss) = try reference.gradient(model)
        #expect(abs(loss / reference.divisor - Double(try reference.floats("loss")[0])) < 1e-5)
        var compared = 0
        for parameter in layout.trainable {
            let expected = try reference.floats("grad." + AdapterNames(family: ModernBERT.self).tensor(parameter.id))
            #expect(expected.count == parameter.count, "\(parameter.id)")
            let error = zip(parameter.range, expected).reduce(0.0) {
                $0 + pow(Double(gradient[$1.0]) / reference.divisor - Double($1.1), 2)
            }
            let size = expected.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(error.squareRoot() <= 1e-3 * size.squareRoot() + 1e-6, "\(parameter.id)")
            compared += 1
        }
        #expect(compared == 8)
        let merged = try adapter.merged(into: folder)
        let plain = Model(
            merged.model, layout: merged.layout,
            weights: ModelWeights(master: merged.weights, layout: merged.layout, precision: .float32))
        #expect(zip(plain.outputs(reference.batch), logits).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test(arguments: [false, true]) func `bfloat16 is near float32, computed again or not`(recomputes: Bool) throws {
        guard Precision.bf16.unsupportedReason == nil else { return }
        for name in ["lora-packed", "lora-packed-tokens"] {
            let path = try Fixture.path(name)
            let reference = try FamilyReference(path) {
                $0.adapter = LowRankAdapter(rank: 4, alpha: 6, dropout: 0.2, targets: [.queryKeyValue])
                $0.trainable = .besideAdapter($0.head)
            }
            let adapter = try AdapterFolder(path: path + "/adapter", for: reference.folder.configuration)
            _ = try adapter.read(
                into: reference.loaded.weights, reference.layout, labels: reference.folder.configuration.labels,
                purpose: adapter.purpose)
            let dropout = DropoutPlan(
                seed: 9, step: 3, hidden: DropoutRate(0), attention: DropoutRate(0), head: DropoutRate(0),
                adapter: DropoutRate(0.2))
            let exact = try reference.gradient(reference.model(), dropout: dropout).values
            let near = try reference.gradient(
                reference.model(.bf16, recomputes: recomputes), dropout: dropout
            ).values
            for parameter in reference.layout.trainable {
                let error = parameter.range.reduce(0.0) { $0 + pow(Double(near[$1] - exact[$1]), 2) }
                let size = parameter.range.reduce(0.0) { $0 + pow(Double(exact[$1]), 2) }
                #expect(error.squareRoot() <= 0.1 * size.squareRoot() + 1e-3, "\(parameter.id)")
                #expect(near[parameter.range] != exact[parameter.range])
            }
        }
    }

    @Test func `labels that an adapter does not name have a rule, and a line`() throws {
        let path = try Fixture.path("lora-packed-tokens")
        var model = try ModelFolder(path: path).configuration
        let adapter = try AdapterFolder(path: path + "/adapter", for: model)
        model.labels = ["O", "B-x", "I-x"]
        #expect(adapter.labels(of: model) == model.labels)
        #expect(
            adapter.labelsNotice(of: model)?.contains(
                "does not name its 3 labels: they are taken from the config.json of the model") == true)
        model.labels = ["O", "B-x"]
        #expect(adapter.labels(of: model) == ["LABEL_0", "LABEL_1", "LABEL_2"])
        #expect(adapter.labelsNotice(of: model)?.contains("they are called LABEL_0, LABEL_1, …; name them by") == true)
        // Classes of texts are no tags of words.
        model.labels = ["a", "b", "c"]
        model.purpose = .classification
        #expect(adapter.labels(of: model) == ["LABEL_0", "LABEL_1", "LABEL_2"])
    }
}
