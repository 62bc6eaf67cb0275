import Checkpoint
import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// A masked language model against `transformers` (models made by Fixtures/export_masked_lm.py) and against itself.
@Suite struct MaskedLanguageModelTests {
    private static let precisions = Precision.allCases.filter { $0.unsupportedReason == nil }

    /// The reference's inputs; a label is -100 where nothing is masked.
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

    @Test(arguments: ["masked-lm", "masked-lm-deep"])
    func `logits, loss and every gradient equal the reference`(name: String) throws {
        let folder = try ModelFolder(path: try Fixture.path(name))
        let file = try SafetensorsFile(path: folder.path + "/reference.safetensors")
        let specification = folder.configuration.maskedLanguageModel
        let layout = ParameterLayout(specification)
        let loaded = try WeightLoader.load(folder, specification, layout: layout, missingHead: .fail)
        #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
        let model = Model(
            specification, layout: layout,
            weights: ModelWeights(master: loaded.weights, layout: layout, precision: .float32))
        let batch = try batch(file)
        try batch.validate(specification)
        let logits = try floats(file, "logits")
        let found = model.outputs(batch)
        #expect(found.count == logits.count && zip(found, logits).allSatisfy { abs($0 - $1) < 1e-4 })

        let sink = FlatGradient(count: layout.count)
        let loss = try model.gradient(batch, dropout: nil, embeddingRows: [], into: sink)
        let masked = specification.objective.weight(of: batch.targets)
        let expectedLoss = Double(try floats(file, "loss")[0])
        #expect(abs(loss.sum / masked - expectedLoss) < 1e-5)
        #expect(sink.finished == Array(layout.buckets.indices))
        for parameter in layout.parameters {
            let expected = try floats(file, "grad.\(BERT.tensorName(parameter.id))")
            let found = sink.values[parameter.range].map { $0 / Float(masked) }
            #expect(found.count == expected.count)
            #expect(norm(found, expected) <= 1e-3 * norm(expected) + 1e-6, "\(BERT.tensorName(parameter.id))")
        }
        let report = model.evaluate(batch).report(labels: [])
        #expect(abs(report.loss - expectedLoss) < 1e-5 && report.examples == 5)
        #expect(abs(report.primary.value - exp(expectedLoss)) < 1e-3 * exp(expectedLoss))
        let guessed = (0..<Int(masked)).map { row in
            let width = specification.head.outputWidth
            return (0..<width).max { logits[row * width + $0] < logits[row * width + $1] } ?? 0
        }
        guard case .tokens(let labels) = RowSelection.targetTokens.targets(batch) else {
            throw CocoaError(.coderInvalidValue)
        }
        let right = zip(guessed, labels).count { $0 == Int($1) }
        #expect(report.values.map(\.kind.key) == ["perplexity", "token_accuracy"])
        #expect(report.values[1].value == Double(right) / masked)
    }

    // MARK: - against itself

    private let configuration = ModelConfiguration.tiny(hidden: 24, layers: 2)

    private func batch(_ target: (Int, Int) -> Bool = { ($0 + $1) % 3 == 0 }) -> PackedBatch {
        var batch = PackedBatch()
        for (s, length) in [9, 3, 16, 1].enumerated() {
            let ids = (0..<length).map { Int32(($0 * 7 + s * 3) % 40) }
            batch.append(
                tokenIDs: ids, typeIDs: ids.map { _ in 0 }, sampleKey: UInt32(s + 5),
                target: .tokens(ids.indices.map { target(s, $0) ? Int32(($0 * 5 + s) % 40) : Target.ignored }))
        }
        return batch
    }

    private func model(
        _ precision: Precision = .float32, trainable: TrainableSet = .all, recomputes: Bool = false
    ) throws -> (Model, FloatBuffer) {
        var specification = configuration.maskedLanguageModel
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

    private var dropout: DropoutPlan {
        DropoutPlan(seed: 42, step: 6, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1))
    }

    private func gradient(_ model: Model, _ batch: PackedBatch) throws -> (sink: FlatGradient, loss: Double) {
        let sink = FlatGradient(count: model.layout.count)
        return (sink, try model.gradient(batch, dropout: dropout, embeddingRows: [], into: sink).sum)
    }

    @Test func `gradients equal finite differences with dropout`() throws {
        let (model, weights) = try model()
        let batch = batch()
        let (sink, _) = try gradient(model, batch)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        for parameter in model.layout.parameters {
            for _ in 0..<4 {
                let i = parameter.offset + random.next(below: parameter.count)
                let saved = weights.pointer[i]
                weights.pointer[i] = saved + 4e-3
                let up = try gradient(model, batch).loss
                weights.pointer[i] = saved - 4e-3
                let down = try gradient(model, batch).loss
                weights.pointer[i] = saved
                let difference = (up - down) / 8e-3
                #expect(
                    abs(Double(sink.values[i]) - difference) < 5e-3 * max(1, abs(difference)),
                    "\(BERT.tensorName(parameter.id))[\(i)]")
            }
        }
    }

    @Test func `each part of the gradient is written once, and all of it`() throws {
        let (model, _) = try model()
        let (sink, _) = try gradient(model, batch())
        let written = sink.written.sorted { $0.lowerBound < $1.lowerBound }
        for (a, b) in zip(written, written.dropFirst()) { #expect(a.upperBound <= b.lowerBound, "written twice") }
        #expect(written.reduce(0) { $0 + $1.count } == model.layout.parameters.reduce(0) { $0 + $1.count })
        #expect(model.layout.rowTable == nil && model.layout.denseCount == model.layout.trainableCount)
    }

    /// What is trained has the bits that it has where all is trained.
    @Test func `where words, or all but words, are frozen the rest has the same gradient`() throws {
        let (whole, _) = try model()
        let all = try gradient(whole, batch())
        let sets: [TrainableSet] = [
            .only([.head, .layer(0), .layer(1), .positions]), .only([.head]), .only([.words]),
            .only([.layer(1), .words]),
        ]
        for set in sets {
            let (part, _) = try model(trainable: set)
            let some = try gradient(part, batch())
            #expect(some.loss == all.loss)
            for parameter in part.layout.trainable {
                let same = try #require(whole.layout.parameters.first { $0.id == parameter.id })
                #expect(
                    some.sink.values[parameter.range].elementsEqual(all.sink.values[same.range]),
                    "\(set) \(parameter.id)")
            }
            let count = part.layout.trainable.reduce(0) { $0 + $1.count }
            #expect(some.sink.written.reduce(0) { $0 + $1.count } == count)
        }
    }

    @Test(arguments: precisions)
    func `what is computed again has the same bits`(precision: Precision) throws {
        let (plain, _) = try model(precision)
        let (again, _) = try model(precision, recomputes: true)
        for shift in 0..<2 {
            let batch = batch { ($0 + $1 + shift) % 4 == 0 }
            let (one, other) = (try gradient(plain, batch), try gradient(again, batch))
            #expect(one.loss == other.loss && one.sink.values == other.sink.values)
        }
    }

    @Test(.enabled(if: Matmul.hasBFloat16, "this processor multiplies no bfloat16"))
    func `bf16 gives the gradients of float32, nearly`() throws {
        let (exact, rounded) = (try gradient(try model().0, batch()), try gradient(try model(.bf16).0, batch()))
        #expect(abs(exact.loss - rounded.loss) < 0.01 * exact.loss && exact.loss != rounded.loss)
        for parameter in try model().0.layout.parameters {
            let (a, b) = (exact.sink.values[parameter.range], rounded.sink.values[parameter.range])
            // The gradient of a key's bias is zero but for rounding.
            guard parameter.id != .layer(0, .key, .bias), parameter.id != .layer(1, .key, .bias) else { continue }
            #expect(norm(Array(a), Array(b)) < 0.05 * norm(Array(a)), "\(BERT.tensorName(parameter.id))")
        }
    }

    @Test func `outputs are those of the masked tokens, whichever others there are`() throws {
        let (model, _) = try model()
        let few = model.outputs(batch { s, t in s == 2 && t == 4 })
        let many = model.outputs(batch { s, t in s == 2 && t >= 3 || s == 0 })
        #expect(few.count == 40 && many.count == 40 * 22)
        for c in 0..<40 { #expect(abs(few[c] - many[40 * 10 + c]) < 1e-5) }
        var unmasked = batch()
        unmasked.targets = .none
        #expect(model.outputs(unmasked).isEmpty)
    }

    @Test func `targets that cannot be are refused`() throws {
        let specification = configuration.maskedLanguageModel
        for bad: Targets in [
            .tokens([Int32](repeating: Target.ignored, count: 29)), .tokens([Int32](repeating: 40, count: 29)),
            .tokens([Int32](repeating: -2, count: 29)), .tokens([1]), .classes([0, 1, 2, 3]),
        ] {
            var batch = batch()
            batch.targets = bad
            #expect(throws: ModelError.self) { try batch.validate(specification) }
        }
        let json = specification.json()
        #expect(try ModelSpecification(json: json).json() == json)
        #expect(throws: ModelError.self) {
            try ModelSpecification(json: json.replacing("\"vocabulary\":40", with: "\"vocabulary\":0"))
        }
        var other = configuration
        other.entries["tie_word_embeddings"] = .bool(false)
        #expect(throws: (any Error).self) { try other.requireMaskedLanguageModel() }
    }

    @Test func `all weights of a new model are drawn by the seed`() throws {
        var configuration = configuration
        configuration.entries["pad_token_id"] = .integer(3)
        let specification = configuration.maskedLanguageModel
        let layout = ParameterLayout(specification)
        func draw(_ seed: UInt64) -> FloatBuffer {
            WeightLoader.draw(specification, layout: layout, configuration: configuration, seed: seed).weights
        }
        let (first, again, other) = (draw(1), draw(1), draw(2))
        #expect(first.elements.elementsEqual(again.elements))
        for parameter in layout.parameters {
            let values = parameter.range.map { first.pointer[$0] }
            if parameter.id.isNormScale {
                #expect(values.allSatisfy { $0 == 1 })
            } else if parameter.shape.count == 1 {
                #expect(values.allSatisfy { $0 == 0 })
            } else {
                let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
                #expect(abs(variance.squareRoot() - 0.02) < 0.006, "\(parameter.id)")
                #expect(parameter.range.contains { first.pointer[$0] != other.pointer[$0] })
            }
        }
        let padding = layout.words.offset + 3 * 24
        #expect((padding..<padding + 24).allSatisfy { first.pointer[$0] == 0 } && first.pointer[padding - 1] != 0)
    }

    // MARK: - the loss

    @Test(arguments: [1, 2, 17, 1024, 2500])
    func `the loss over a vocabulary equals the one in double precision`(count: Int) {
        var random = PhiloxStream(seed: UInt64(count), purpose: .shuffle)
        for trial in 0..<5 {
            var logits = (0..<count).map { _ in Float(random.nextUnit() * 30 - 15) }
            if trial == 1, count > 2 { logits[1] = -.infinity }
            if trial == 2 { logits = logits.map { $0 * 20 } }
            let label = trial == 1 ? 0 : random.next(below: count)
            var expected = [Float](repeating: 0, count: count)
            let loss = logits.withUnsafeBufferPointer { logits in
                expected.withUnsafeMutableBufferPointer { CrossEntropy.loss(logits, label: label, gradient: $0) }
            }
            let found: Double = logits.withUnsafeMutableBufferPointer {
                guard let start = $0.baseAddress else { return .nan }
                let outputs = Outputs(values: start, gradient: start, rows: 1, width: count)
                let targets = Targets.tokens([Int32(label)])
                let plain = VocabularyCrossEntropy().losses(outputs.readOnly, targets)
                let sum = VocabularyCrossEntropy().evaluate(outputs, targets, withGradient: true)
                #expect(plain == [sum])
                return sum
            }
            #expect(abs(found - loss) < 2e-6 * max(1, loss))
            #expect(zip(logits, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test(arguments: [Float.nan, .infinity])
    func `the loss shows a logit that is no number`(bad: Float) {
        var logits = [Float](repeating: 0.5, count: 40)
        logits[20] = bad
        logits.withUnsafeMutableBufferPointer {
            guard let start = $0.baseAddress else { return }
            let outputs = Outputs(values: start, gradient: start, rows: 1, width: 40)
            #expect(!VocabularyCrossEntropy().losses(outputs.readOnly, .tokens([3]))[0].isFinite)
        }
    }
}
