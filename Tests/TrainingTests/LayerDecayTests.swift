import Foundation
import Modeling
import Numerics
import Testing

@testable import Training

/// Layer-wise decay of the learning rate.
@Suite struct LayerDecayTests {
    /// PyTorch's AdamW with a parameter group for each part of a model and each kind of weight decay.
    private struct Fixture: Decodable {
        var decay: Double
        var rate: Double
        var weightDecay: Double
        var layers: Int
        /// By tensor.
        var distances: [Int]
        var decays: [Bool]
        var start: [Float]
        /// By step and tensor.
        var gradients: [[Float]]
        var kept: [[Float]]
    }

    private static func replica(
        _ decay: Double?, weightDecay: Double = 0.1, threads: Int = 1, headFactor: Double? = nil
    ) throws -> ModelReplica {
        var hyperparameters = Hyperparameters(weightDecay: weightDecay, clipNorm: nil, layerDecay: decay)
        hyperparameters.headFactor = headFactor
        let made = try ModelReplica(
            TinyReplica.specification, hyperparameters: hyperparameters, seed: 5, threads: threads)
        for parameter in made.layout.parameters {
            var random = PhiloxStream(seed: 8, purpose: .initialization, stream: parameter.id.initializationStream)
            for i in parameter.range { made.weights.pointer[i] = Float(random.nextUnit() - 0.5) * 0.4 }
        }
        made.restored(appliedSteps: 0)
        return made
    }

    @Test func `equals PyTorch's parameter groups`() throws {
        let data: Fixture = try fixture("layer_decay.json")
        let replica = try Self.replica(data.decay, weightDecay: data.weightDecay, threads: 2)
        let layout = replica.layout
        let distances = LayerDecay(data.decay, layers: data.layers)
        /// The tensor of the fixture that stands for one of the model.
        func index(_ parameter: Parameter) throws -> Int {
            let distance = distances.distance(of: parameter.id.part)
            return try #require(
                data.distances.indices.first {
                    data.distances[$0] == distance && data.decays[$0] == parameter.hasWeightDecay
                })
        }
        var work = TinyReplica.work(microBatches: 1)
        work.gradientDivisor = 1
        // All rows of the word embedding have a gradient.
        work.embeddingRows = (0..<Int32(replica.specification.encoder.vocabulary)).map { $0 }
        for parameter in layout.parameters {
            let value = data.start[try index(parameter)]
            for i in parameter.range { replica.weights.pointer[i] = value }
        }
        replica.restored(appliedSteps: 0)
        let gradient = FloatBuffer(count: layout.count)
        for step in data.gradients.indices {
            for parameter in layout.parameters {
                let value = data.gradients[step][try index(parameter)]
                for i in parameter.range { gradient.pointer[i] = value }
            }
            _ = try replica.apply(
                gradientSum: UnsafePointer(gradient.pointer), work: work, sumOfSquares: 1, learningRate: data.rate)
            for parameter in layout.parameters {
                let wanted = data.kept[step][try index(parameter)]
                for i in parameter.range {
                    #expect(near(Double(replica.weights.pointer[i]), Double(wanted)), "\(parameter.id), step \(step)")
                }
            }
        }
    }

    @Test func `the distance is counted from the head`() {
        let decay = LayerDecay(0.5, layers: 3)
        #expect(decay.factors == [1, 0.5, 0.25, 0.125, 0.0625])
        #expect(decay.distance(of: .head) == 0 && decay.distance(of: .layer(2)) == 1)
        #expect(decay.distance(of: .layer(0)) == 3 && decay.distance(of: .words) == 4)
        #expect(decay.distance(of: .positions) == 4)
    }

    @Test func `the head may have a rate of its own`() throws {
        #expect(LayerDecay(0.5, layers: 2, headFactor: 3).factors == [3, 0.5, 0.25, 0.125])
        func weights(_ factor: Double?, ranks: Int = 1) throws -> (head: [Float], rest: [Float]) {
            let layout = ParameterLayout(try Self.replica(nil).specification)
            let all = try TinyRanks.run(
                ranks: ranks, steps: 1,
                replica: { try Self.replica(nil, headFactor: factor) },
                work: { TinyReplica.work(microBatches: 7, $0, step: $1) }
            ) { replica, _ in Array(replica.weights.elements) }
            func part(_ isHead: Bool) -> [Float] {
                layout.parameters.filter { ($0.id.part == .head) == isHead }.flatMap { all[$0.range] }
            }
            return (part(true), part(false))
        }
        let (none, one, none0) = (try weights(nil), try weights(1), try weights(0))
        #expect(none.head == one.head && none.rest == one.rest)
        // A rate of 0 leaves the head as it is, and changes nothing of the rest.
        #expect(none0.rest == none.rest && none0.head != none.head)
        let start = try Self.replica(nil)
        let before = start.layout.parameters.filter { $0.id.part == .head }.flatMap {
            start.weights.elements[$0.range]
        }
        #expect(none0.head == before)
        let three = try weights(0.3, ranks: 3)
        let single = try weights(0.3)
        #expect(three.head == single.head && three.rest == single.rest)
    }

    private static func run(_ decay: Double?, ranks: Int, threads: Int = 1) throws -> [Float] {
        try TinyRanks.run(
            ranks: ranks, steps: 3, replica: { try replica(decay, threads: threads) },
            work: { TinyReplica.work(microBatches: 7, $0, step: $1) }
        ) { replica, _ in Array(replica.weights.elements) }
    }

    @Test func `ranks and threads do not change a bit, and a decay of 1 is none`() throws {
        let one = try Self.run(0.7, ranks: 1)
        for ranks in [2, 3, 7] { #expect(try Self.run(0.7, ranks: ranks) == one, "\(ranks) ranks") }
        #expect(try Self.run(0.7, ranks: 1, threads: 2) == one)
        let none = try Self.run(nil, ranks: 1)
        #expect(try Self.run(1, ranks: 1) == none && one != none)
    }

    @Test func `the setting is in JSON where there is one, and must be a share`() throws {
        #expect(!String(decoding: try JSONEncoder().encode(Hyperparameters()), as: UTF8.self).contains("layer_decay"))
        let settings = Hyperparameters(layerDecay: 0.9)
        let json = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(Hyperparameters.self, from: json) == settings)
        for wrong in [0, -0.5, 1.1, .nan] {
            #expect(throws: TrainingError.self) { try Hyperparameters(layerDecay: wrong).validate() }
        }
    }
}
