import Foundation
import Numerics
import Support
import TestSupport
import Testing

@testable import Modeling

/// Low-rank adapters, against `peft` and by properties.
@Suite struct LoRATests {
    private static let all = Set(LowRankAdapter.Target.allCases).subtracting([.queryKeyValue])

    private static func adapter(
        _ targets: Set<LowRankAdapter.Target> = all, rank: Int = 3, dropout: Float = 0.2
    ) -> LowRankAdapter {
        LowRankAdapter(rank: rank, alpha: 4, dropout: dropout, targets: targets)
    }

    private static func specification(_ adapter: LowRankAdapter) -> ModelSpecification {
        var configuration = ModelConfiguration.tiny()
        configuration.adapter = adapter
        return configuration.classifier()
    }

    private static func make(
        _ adapter: LowRankAdapter, precision: Precision = .float32, recomputes: Bool = false
    ) -> (Model, FloatBuffer) {
        let specification = specification(adapter)
        let layout = ParameterLayout(specification)
        let master = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let part = UnsafeMutableBufferPointer(start: master.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.3, seed: 4, stream: parameter.id.initializationStream)
        }
        let weights = ModelWeights(master: master, layout: layout, precision: precision)
        weights.updateRoundedCopy()
        return (Model(specification, layout: layout, weights: weights, recomputes: recomputes), master)
    }

    private static var batch: PackedBatch {
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7, target: .classIndex(2))
        batch.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: 3, target: .classIndex(0))
        batch.append(tokenIDs: [1], typeIDs: [0], sampleKey: 11, target: .classIndex(1))
        return batch
    }

    private static func dropout(_ adapter: LowRankAdapter) -> DropoutPlan {
        DropoutPlan(
            seed: 42, step: 6, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1),
            adapter: DropoutRate(adapter.dropout))
    }

    // MARK: peft

    @Test func `logits, loss and gradients equal those of peft, merged or not`() throws {
        let reference = try Reference(folder: Fixture.path("lora"))
        let folder = try ModelFolder(path: Fixture.path("lora"))
        let adapter = try AdapterFolder(path: Fixture.path("lora/adapter"), for: folder.configuration)
        #expect(adapter.adapter.rank == 4 && adapter.adapter.scale == 1.5 && Set(adapter.adapter.targets) == Self.all)
        var configuration = folder.configuration
        configuration.adapter = adapter.adapter
        let specification = configuration.classifier()
        let layout = ParameterLayout(specification)
        let weights = try WeightLoader.load(
            folder, specification, layout: layout, missingHead: .initialize(seed: 1)
        ).weights
        #expect(
            try adapter.read(into: weights, layout, labels: configuration.labels, purpose: .classification) == .read)
        let model = Model(
            specification, layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32))
        let batch = reference.batch
        let sink = FlatGradient(count: layout.count)
        let loss = try model.gradient(batch, dropout: nil, embeddingRows: [], into: sink)

        let logits = try reference.floats("logits")
        #expect(logits.count == loss.outputs.count)
        #expect(zip(loss.outputs, logits).allSatisfy { abs($0 - $1) < 1e-4 })
        let samples = Double(batch.sequenceCount)
        #expect(abs(loss.sum / samples - Double(try reference.floats("loss")[0])) < 1e-5)
        var compared = 0
        for parameter in layout.trainable {
            let expected = try reference.floats("grad." + AdapterNames(family: BERT.self).tensor(parameter.id))
            #expect(expected.count == parameter.count, "\(parameter.id)")
            let error = zip(parameter.range, expected).reduce(0.0) {
                let difference = Double(sink.values[$1.0]) / samples - Double($1.1)
                return $0 + difference * difference
            }
            let size = expected.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(error.squareRoot() <= 1e-3 * size.squareRoot() + 1e-6, "\(parameter.id)")
            compared += 1
        }
        #expect(compared == 2 * 6 * 2 + 4)

        let merged = try adapter.merged(into: folder)
        let plain = Model(
            merged.model, layout: merged.layout,
            weights: ModelWeights(master: merged.weights, layout: merged.layout, precision: .float32))
        #expect(merged.model.adapter == nil)
        #expect(zip(plain.outputs(batch), logits).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    // MARK: passes

    @Test(arguments: [all, [.query, .value], [.key, .output], [.attentionOutput, .intermediate]])
    func `gradients equal finite differences`(_ targets: Set<LowRankAdapter.Target>) throws {
        for rate in [Float(0), 0.2] {
            let adapter = Self.adapter(targets, dropout: rate)
            let (model, weights) = Self.make(adapter)
            let plan = rate == 0 ? nil : Self.dropout(adapter)
            func gradient(_ sink: FlatGradient) throws -> Double {
                try model.gradient(Self.batch, dropout: plan, embeddingRows: [], into: sink).sum
            }
            let sink = FlatGradient(count: model.layout.count)
            _ = try gradient(sink)
            let written = Set(sink.written.flatMap { Array($0) })
            var random = PhiloxStream(seed: 1, purpose: .shuffle)
            for parameter in model.layout.trainable {
                #expect(parameter.range.allSatisfy { written.contains($0) })
                for _ in 0..<3 {
                    let i = parameter.offset + random.next(below: parameter.count)
                    let saved = weights.pointer[i]
                    weights.pointer[i] = saved + 4e-3
                    let up = try gradient(FlatGradient(count: model.layout.count))
                    weights.pointer[i] = saved - 4e-3
                    let down = try gradient(FlatGradient(count: model.layout.count))
                    weights.pointer[i] = saved
                    let difference = (up - down) / 8e-3
                    #expect(
                        abs(Double(sink.values[i]) - difference) < 3e-3 * max(1, abs(difference)),
                        "\(parameter.id), dropout \(rate)")
                }
            }
            // Nothing of what is frozen is written.
            #expect(written.allSatisfy { $0 < model.layout.trainableCount })
            #expect(sink.finished == Array(model.layout.buckets.indices))
        }
    }

    @Test(arguments: [Precision.float32, .bf16]) func `computing again gives the same bits`(_ precision: Precision)
        throws
    {
        guard precision.unsupportedReason == nil else { return }
        let adapter = Self.adapter()
        func gradient(_ recomputes: Bool) throws -> [Float] {
            let (model, _) = Self.make(adapter, precision: precision, recomputes: recomputes)
            let sink = FlatGradient(count: model.layout.count)
            _ = try model.gradient(Self.batch, dropout: Self.dropout(adapter), embeddingRows: [], into: sink)
            return sink.values
        }
        let kept = try gradient(false)
        #expect(try gradient(true) == kept)
        guard precision == .bf16 else { return }
        let (exact, _) = Self.make(adapter)
        let sink = FlatGradient(count: exact.layout.count)
        _ = try exact.gradient(Self.batch, dropout: Self.dropout(adapter), embeddingRows: [], into: sink)
        for parameter in exact.layout.trainable {
            let error = parameter.range.reduce(0.0) { $0 + pow(Double(kept[$1] - sink.values[$1]), 2) }
            let size = parameter.range.reduce(0.0) { $0 + pow(Double(sink.values[$1]), 2) }
            #expect(error.squareRoot() <= 0.08 * size.squareRoot() + 1e-3, "\(parameter.id)")
        }
    }

    @Test func `a sample's masks do not depend on its neighbours`() throws {
        let adapter = Self.adapter()
        let (model, _) = Self.make(adapter)
        let together = model.trainingOutputs(Self.batch, dropout: Self.dropout(adapter))
        for s in 0..<3 {
            let range = Int(Self.batch.offsets[s])..<Int(Self.batch.offsets[s + 1])
            var alone = PackedBatch()
            alone.append(
                tokenIDs: Array(Self.batch.tokenIDs[range]), typeIDs: Array(Self.batch.typeIDs[range]),
                sampleKey: Self.batch.sampleKeys[s])
            let outputs = model.trainingOutputs(alone, dropout: Self.dropout(adapter))
            for c in 0..<3 { #expect(abs(outputs[c] - together[3 * s + c]) < 1e-5) }
        }
    }

    @Test func `merged weights compute the same, and a new adapter changes nothing`() throws {
        let (model, weights) = Self.make(Self.adapter())
        let layout = model.layout
        let merged = LowRankMerge.merged(weights, layout)
        for parameter in layout.parameters {
            guard case .layer(_, _, .lowRankB) = parameter.id else { continue }
            (merged.pointer + parameter.offset).update(repeating: 0, count: parameter.count)
        }
        let plain = Model(
            model.specification, layout: layout,
            weights: ModelWeights(master: merged, layout: layout, precision: .float32))
        let (a, b) = (model.outputs(Self.batch), plain.outputs(Self.batch))
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 } && a != b)
        #expect(LowRankMerge.merged(layout).count == layout.parameters.count - 24)
    }

    // MARK: specification and layout

    @Test func `the front of the vector is the head and the adapter alone`() throws {
        let layout = ParameterLayout(Self.specification(Self.adapter([.query, .value])))
        #expect(layout.trainable.allSatisfy { $0.id.isOfAdapter || $0.id.part == .head })
        #expect(layout.trainable.count { $0.id.isOfAdapter } == 8 && layout.buckets.count == 3)
        #expect(layout.rowTable == nil && layout.denseCount == layout.trainableCount)
        let ends = layout.parameters.sorted { $0.offset < $1.offset }
        for (a, b) in zip(ends, ends.dropFirst()) { #expect(a.range.upperBound <= b.offset) }
    }

    @Test func `a model with an adapter travels as JSON, and one without is as before`() throws {
        let model = Self.specification(Self.adapter([.value, .query]))
        let json = model.json()
        #expect(
            json.contains(
                "\"adapter\":{\"alpha\":4,\"dropout\":0.20000000298023224,\"rank\":3,\"rank_stabilized\":false,"
                    + "\"targets\":[\"query\",\"value\"]}") || json.contains("\"targets\":[\"query\",\"value\"]"))
        #expect(try ModelSpecification(json: json).adapter == model.adapter)
        #expect(!ModelConfiguration.tiny().classifier().json().contains("adapter"))
        for (from, to) in [
            ("\"rank\":3", "\"rank\":0"), ("\"rank\":3", "\"rank\":99999999"), ("\"alpha\":4", "\"alpha\":-1"),
            ("[\"query\",\"value\"]", "[]"), ("[\"query\",\"value\"]", "[\"value\",\"query\"]"),
            ("[\"query\",\"value\"]", "[\"query\",\"query\"]"), ("[\"query\",\"value\"]", "[\"tail\"]"),
            ("[\"query\",\"value\"]", "[\"query\",\"query-key-value\"]"),
            ("\"trainable\":[\"head\"]", "\"trainable\":\"all\""),
        ] {
            let wrong = json.replacing(from, with: to)
            #expect(wrong != json)
            #expect(throws: ModelError.self, "\(to)") { try ModelSpecification(json: wrong) }
        }
    }

    @Test func `a new adapter begins as in peft`() throws {
        let folder = try ModelFolder(path: Fixture.path("lora"))
        var configuration = folder.configuration
        configuration.adapter = Self.adapter(rank: 8)
        let model = configuration.classifier()
        let layout = ParameterLayout(model)
        let weights = try WeightLoader.load(folder, model, layout: layout, missingHead: .initialize(seed: 5)).weights
        for parameter in layout.parameters where parameter.id.isOfAdapter {
            let values = parameter.range.map { Double(weights.pointer[$0]) }
            guard case .layer(_, _, .lowRankA) = parameter.id else {
                #expect(values.allSatisfy { $0 == 0 })
                continue
            }
            // Uniform in ±1/√inputs.
            let bound = 1 / Double(parameter.rowWidth).squareRoot()
            let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
            #expect(values.allSatisfy { abs($0) <= bound } && abs(variance * 3 / (bound * bound) - 1) < 0.25)
        }
        #expect(throws: ModelError.self) { try WeightLoader.load(folder, model, layout: layout, missingHead: .fail) }
    }
}
