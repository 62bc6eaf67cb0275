import Checkpoint
import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// A classifier of tokens against `transformers` (models made by Fixtures/export_tokens.py) and against itself.
@Suite struct TokenClassificationTests {
    private static let precisions = Precision.allCases.filter { $0.unsupportedReason == nil }

    private func batch(_ file: SafetensorsFile) throws -> PackedBatch {
        func integers(_ name: String) throws -> [Int32] {
            try file.withBytes(of: name) { bytes in
                (0..<(bytes.count / 8)).map {
                    Int32(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
                }
            }
        }
        let (ids, mask) = (try integers("input_ids"), try integers("attention_mask"))
        let (types, labels) = (try integers("token_type_ids"), try integers("labels"))
        var batch = PackedBatch()
        for s in 0..<5 {
            let kept = (s * 12..<(s + 1) * 12).filter { mask[$0] == 1 }
            batch.append(
                tokenIDs: kept.map { ids[$0] }, typeIDs: kept.map { types[$0] }, sampleKey: UInt32(s),
                target: .tokens(kept.map { labels[$0] == -100 ? Target.ignored : labels[$0] }))
        }
        return batch
    }

    private func floats(_ file: SafetensorsFile, _ name: String) throws -> [Float] {
        var values = [Float](repeating: 0, count: try #require(file.tensors[name]).count)
        try values.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        return values
    }

    /// The Euclidean norm of `a`, or of its difference to `b`.
    private func norm(_ a: [Float], _ b: [Float]? = nil) -> Double {
        var sum = 0.0
        for (i, value) in a.enumerated() {
            let difference = Double(value) - Double(b?[i] ?? 0)
            sum += difference * difference
        }
        return sum.squareRoot()
    }

    @Test(arguments: ["tokens", "tokens-deep"])
    func `logits, loss and every gradient equal the reference`(name: String) throws {
        let folder = try ModelFolder(path: try Fixture.path(name))
        #expect(folder.configuration.purpose == ModelPurpose(classSuffix: "ForTokenClassification"))
        #expect(Array(folder.configuration.labels.prefix(3)) == ["O", "B-A", "I-A"])
        let file = try SafetensorsFile(path: folder.path + "/reference.safetensors")
        let specification = folder.configuration.tokenClassifier
        let layout = ParameterLayout(specification)
        let loaded = try WeightLoader.load(folder, specification, layout: layout, missingHead: .fail)
        #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
        let weights = ModelWeights(master: loaded.weights, layout: layout, precision: .float32)
        let model = Model(specification, layout: layout, weights: weights)
        let batch = try batch(file)
        try batch.validate(specification)
        let logits = try floats(file, "logits")
        let found = model.outputs(batch)
        #expect(found.count == logits.count && zip(found, logits).allSatisfy { abs($0 - $1) < 1e-4 })

        let sink = FlatGradient(count: layout.count)
        let rows = Set(batch.tokenIDs).sorted()
        let loss = try model.gradient(batch, dropout: nil, embeddingRows: rows, into: sink)
        let tagged = specification.objective.weight(of: batch.targets)
        let expectedLoss = Double(try floats(file, "loss")[0])
        #expect(abs(loss.sum / tagged - expectedLoss) < 1e-5)
        for parameter in layout.parameters {
            let expected = try floats(file, "grad.\(BERT.tensorName(parameter.id))")
            guard parameter.id != .embedding(.words) else {
                // A compact gradient: a row for each token that occurs.
                let width = parameter.shape[1]
                for (place, row) in rows.enumerated() {
                    let start = parameter.offset + place * width
                    let found = sink.values[start..<(start + width)].map { $0 / Float(tagged) }
                    let wanted = Array(expected[Int(row) * width..<(Int(row) + 1) * width])
                    #expect(norm(found, wanted) <= 1e-3 * norm(wanted) + 1e-6, "row \(row)")
                }
                continue
            }
            let found = sink.values[parameter.range].map { $0 / Float(tagged) }
            #expect(norm(found, expected) <= 1e-3 * norm(expected) + 1e-6, "\(BERT.tensorName(parameter.id))")
        }
        let report = model.evaluate(batch).report(labels: folder.configuration.labels)
        #expect(abs(report.loss - expectedLoss) < 1e-5 && report.examples == 5)

        let count = folder.configuration.labels.count
        let weighted = ModelSpecification(
            encoder: specification.encoder, head: specification.head,
            objective: CrossEntropy(
                classWeights: ClassWeights((0..<count).map { 0.5 + 1.5 * Double($0) / Double(count - 1) })))
        let other = Model(weighted, layout: layout, weights: weights)
        let sum = try other.gradient(
            batch, dropout: nil, embeddingRows: rows, into: FlatGradient(count: layout.count)
        ).sum
        let wanted = Double(try floats(file, "weighted")[0])
        #expect(abs(sum / weighted.objective.weight(of: batch.targets) - wanted) < 1e-5)
    }

    // MARK: - against itself

    private let configuration = ModelConfiguration.tiny(
        hidden: 24, layers: 2, labels: ["O", "B-A", "I-A", "B-B", "I-B"])

    private func batch(_ isTarget: (Int, Int) -> Bool = { ($0 + $1) % 3 == 0 }) -> PackedBatch {
        var batch = PackedBatch()
        for (s, length) in [9, 3, 16, 1].enumerated() {
            let ids = (0..<length).map { Int32(($0 * 7 + s * 3) % 40) }
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(s + 5),
                target: .tokens(ids.indices.map { isTarget(s, $0) ? Int32(($0 + s) % 5) : Target.ignored }))
        }
        return batch
    }

    private func model(
        _ precision: Precision = .float32, trainable: TrainableSet = .all, recomputes: Bool = false,
        objective: any Objective = CrossEntropy()
    ) throws -> (Model, FloatBuffer) {
        var specification = configuration.tokenClassifier
        specification.objective = objective
        specification.trainable = trainable
        let layout = ParameterLayout(specification)
        let master = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let part = UnsafeMutableBufferPointer(start: master.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.2, seed: 4, stream: parameter.id.initializationStream)
            if parameter.id.isNormScale { for j in part.indices { part[j] += 1 } }
        }
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        return (Model(specification, layout: layout, weights: weights, recomputes: recomputes), master)
    }

    /// - Parameter encoder: The dropout rate within the encoder.
    private func gradient(
        _ model: Model, _ batch: PackedBatch, encoder: Float = 0.2
    ) throws -> (sink: FlatGradient, loss: Double) {
        let sink = FlatGradient(count: model.layout.count)
        let dropout = DropoutPlan(
            seed: 42, step: 6, hidden: DropoutRate(encoder), attention: DropoutRate(encoder), head: DropoutRate(0.3))
        return (
            sink,
            try model.gradient(batch, dropout: dropout, embeddingRows: (0..<40).map { Int32($0) }, into: sink).sum
        )
    }

    @Test(arguments: [false, true])
    func `gradients equal finite differences with dropout`(isFocal: Bool) throws {
        let weights = ClassWeights([0.5, 1, 2, 1.5, 3])
        let objective: any Objective =
            isFocal ? FocalLoss(gamma: 2, labelSmoothing: 0.1, classWeights: weights) : CrossEntropy()
        let (model, master) = try model(objective: objective)
        let batch = batch()
        let (sink, _) = try gradient(model, batch)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        for parameter in model.layout.parameters {
            for _ in 0..<3 {
                let i = parameter.offset + random.next(below: parameter.count)
                let saved = master.pointer[i]
                master.pointer[i] = saved + 4e-3
                let up = try gradient(model, batch).loss
                master.pointer[i] = saved - 4e-3
                let down = try gradient(model, batch).loss
                master.pointer[i] = saved
                let difference = (up - down) / 8e-3
                #expect(
                    abs(Double(sink.values[i]) - difference) < 5e-3 * max(1, abs(difference)),
                    "\(BERT.tensorName(parameter.id))[\(i)]")
            }
        }
    }

    /// A token's mask does not depend on which others have a tag, so the loss of all is the sum of those of each.
    @Test func `the loss of words is the sum of those of each, with dropout of the head`() throws {
        let (model, _) = try model()
        func loss(_ places: [Int]) throws -> Double {
            try gradient(model, batch { s, t in s == 2 && places.contains(t) }, encoder: 0).loss
        }
        let all = try loss([4, 9, 15])
        let each = try [4, 9, 15].map { try loss([$0]) }
        #expect(abs(all - each.reduce(0, +)) < 1e-5)
    }

    @Test func `where parts are frozen the rest has the same gradient`() throws {
        let (whole, _) = try model()
        let all = try gradient(whole, batch())
        for set: TrainableSet in [.only([.head]), .only([.layer(1), .positions])] {
            let (part, _) = try model(trainable: set)
            let some = try gradient(part, batch())
            #expect(some.loss == all.loss)
            for parameter in part.layout.trainable {
                let same = try #require(whole.layout.parameters.first { $0.id == parameter.id })
                #expect(
                    some.sink.values[parameter.range].elementsEqual(all.sink.values[same.range]),
                    "\(set) \(parameter.id)")
            }
        }
    }

    @Test(arguments: precisions)
    func `what is computed again has the same bits`(precision: Precision) throws {
        let (plain, _) = try model(precision)
        let (again, _) = try model(precision, recomputes: true)
        let (one, other) = (try gradient(plain, batch()), try gradient(again, batch()))
        #expect(one.loss == other.loss && one.sink.values == other.sink.values)
    }

    @Test func `targets that cannot be are refused`() throws {
        let specification = configuration.tokenClassifier
        for bad: Targets in [
            .tokens([Int32](repeating: Target.ignored, count: 29)), .tokens([Int32](repeating: 5, count: 29)),
            .tokens([Int32](repeating: -100, count: 29)), .tokens([1]), .classes([0, 1, 2, 3]),
            .values([0, 0, 0, 0], width: 1),
        ] {
            var batch = batch()
            batch.targets = bad
            #expect(throws: ModelError.self) { try batch.validate(specification) }
        }
        var evaluated = batch()
        evaluated.targets = .tokens([Int32](repeating: -2, count: 29))
        // Tags that the model does not have; nothing is learnt of them.
        try evaluated.validate(specification)
        #expect(evaluated.targets.hasUnknownTags)
        let json = specification.json()
        #expect(try ModelSpecification(json: json).json() == json)
        for (good, bad) in [("\"labels\":5", "\"labels\":0"), ("\"dropout\":0", "\"dropout\":-1")] {
            #expect(json.contains(good), "\(json)")
            #expect(throws: ModelError.self) { try ModelSpecification(json: json.replacing(good, with: bad)) }
        }
        #expect(throws: ModelError.self) {
            try CrossEntropy().validate(head: MaskedLanguageModel(vocabulary: 40, epsilon: 1e-12))
        }
    }
}
