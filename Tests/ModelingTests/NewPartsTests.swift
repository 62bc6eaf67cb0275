import Foundation
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// A head and a loss that the program does not know take one file each: ``ToyHead``, ``ToyObjective``.
@Suite struct NewPartsTests {
    private static let registry = ModelRegistry(
        heads: Heads.all + [ToyHead.self], objectives: Objectives.all + [ToyObjective.self])

    private static func specification(objective: any Objective = ToyObjective(factor: 2)) -> ModelSpecification {
        ModelSpecification(
            encoder: ModelConfiguration.tiny().encoder, head: ToyHead(classes: 3), objective: objective)
    }

    private static func model(_ specification: ModelSpecification) -> (Model, FloatBuffer) {
        let layout = ParameterLayout(specification)
        let weights = FloatBuffer(count: layout.count)
        for parameter in layout.parameters {
            let part = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.2, seed: 9, stream: parameter.id.initializationStream)
        }
        let model = Model(
            specification, layout: layout,
            weights: ModelWeights(master: weights, layout: layout, precision: .float32))
        return (model, weights)
    }

    private static let batch: PackedBatch = {
        var batch = PackedBatch()
        batch.append(tokenIDs: [1, 5, 9, 5, 2], typeIDs: [0, 0, 0, 1, 1], sampleKey: 7, target: .classIndex(2))
        batch.append(tokenIDs: [1, 39, 2], typeIDs: [0, 0, 0], sampleKey: 3, target: .classIndex(0))
        batch.append(tokenIDs: [1], typeIDs: [0], sampleKey: 11, target: .classIndex(1))
        return batch
    }()

    @Test func `gradients of a new head and a new loss equal finite differences`() throws {
        let (model, weights) = Self.model(Self.specification())
        let rows = Set(Self.batch.tokenIDs).sorted()
        func loss() throws -> Double {
            try model.gradient(
                Self.batch, dropout: nil, embeddingRows: rows, into: FlatGradient(count: model.layout.count)
            ).sum
        }
        let sink = FlatGradient(count: model.layout.count)
        _ = try model.gradient(Self.batch, dropout: nil, embeddingRows: rows, into: sink)
        #expect(sink.finished == Array(0...model.layout.buckets.count))
        for parameter in model.layout.parameters where parameter.offset < model.layout.denseCount {
            let i = parameter.offset + parameter.count / 2
            let kept = weights.pointer[i]
            weights.pointer[i] = kept + 4e-3
            let up = try loss()
            weights.pointer[i] = kept - 4e-3
            let down = try loss()
            weights.pointer[i] = kept
            let difference = (up - down) / 8e-3
            #expect(
                abs(Double(sink.values[i]) - difference) < 2e-2 * max(1, abs(difference)),
                "\(parameter.id.stableName)")
        }
    }

    @Test(arguments: [false, true])
    func `a new head learns, with a new loss and with cross-entropy`(isNewLoss: Bool) throws {
        let (model, weights) = Self.model(
            Self.specification(objective: isNewLoss ? ToyObjective(factor: 2) : CrossEntropy()))
        let rows = Array(Int32(0)..<40)
        var losses: [Double] = []
        for _ in 0..<60 {
            let sink = FlatGradient(count: model.layout.count)
            losses.append(try model.gradient(Self.batch, dropout: nil, embeddingRows: rows, into: sink).sum)
            for parameter in model.layout.parameters {
                for i in parameter.range { weights.pointer[i] -= 3e-3 * sink.values[i] }
            }
        }
        #expect(losses[59] < 0.7 * losses[0], "\(losses)")
    }

    @Test func `a new head and a new loss travel to a worker that knows them`() throws {
        let specification = Self.specification()
        let read = try ModelSpecification(json: specification.json(), registry: Self.registry)
        #expect(read.json() == specification.json())
        #expect((read.head as? ToyHead)?.classes == 3 && (read.objective as? ToyObjective)?.factor == 2)
        #expect(throws: ModelError.invalidModel("its head is of a kind that this version does not know")) {
            try ModelSpecification(json: specification.json())
        }
        let known = ModelConfiguration.tiny().classifier(objective: CrossEntropy(labelSmoothing: 0.1))
        #expect(try ModelSpecification(json: known.json()).json() == known.json())
    }

    @Test func `a model from outside is checked before anything is made of it`() {
        let json = ModelConfiguration.tiny().classifier().json()
        for (part, with) in [
            ("\"hidden\":24", "\"hidden\":25"), ("\"hidden\":24", "\"hidden\":9223372036854775807"),
            ("\"labels\":3", "\"labels\":0"), ("\"labels\":3", "\"labels\":-1"), ("\"heads\":3", "\"heads\":0"),
            ("\"vocabulary\":40", "\"vocabulary\":1e30"), ("\"kind\":\"cross-entropy\"", "\"kind\":\"\""),
            ("\"label_smoothing\":0", "\"label_smoothing\":1"), ("\"epsilon\"", "\"epsilo\""), ("{", "["),
        ] {
            #expect(json.contains(part), "\(part) in \(json)")
            #expect(throws: ModelError.self, "\(with)") {
                try ModelSpecification(json: json.replacingOccurrences(of: part, with: with))
            }
        }
    }

    @Test func `new tensors are drawn by their names, whatever else there is`() {
        let streams = [
            ParameterID.head("classifier", .weight), .head("pooler", .weight), .head("projection", .weight),
            .layer(0, .query, .weight), .layer(1, .query, .weight), .embedding(.words),
        ].map(\.initializationStream)
        #expect(streams.prefix(2) == [0, 2] && Set(streams).count == streams.count)
        #expect(streams[2] == 0xDFB0_A0C4)
    }
}
