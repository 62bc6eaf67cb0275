import Checkpoint
import Foundation
import Numerics
import Testing

@testable import Modeling

/// What a checkpoint keeps comes back bit for bit.
@Suite struct StateRoundTripTests {
    private static var configuration: ModelConfiguration {
        .tiny(vocabulary: 37, hidden: 24, layers: 2, heads: 4, intermediate: 40, positions: 19)
    }

    private func random(_ layout: ParameterLayout, seed: UInt64) -> FloatBuffer {
        let buffer = FloatBuffer(count: layout.count)
        var random = PhiloxStream(seed: seed, purpose: .split)
        for parameter in layout.parameters {
            for i in parameter.range { buffer.pointer[i] = Float(bitPattern: UInt32(random.next(below: 0x7F00_0000))) }
        }
        return buffer
    }

    private func same(_ a: FloatBuffer, _ b: FloatBuffer) -> Bool {
        a.count == b.count && (0..<a.count).allSatisfy { a.pointer[$0].bitPattern == b.pointer[$0].bitPattern }
    }

    @Test func `weights, head and moments come back`() throws {
        let folder = NSTemporaryDirectory() + "shoal-state-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let layout = ParameterLayout(Self.configuration.classifier())
        let (weights, first, second) = (random(layout, seed: 1), random(layout, seed: 2), random(layout, seed: 3))
        func tensors(_ buffer: FloatBuffer) -> [TensorToWrite] {
            WeightLoader.tensors(of: buffer, layout: layout, family: BERT.self)
        }
        let checkpoint = try CheckpointFolder.write(
            to: folder, state: TrainerState(step: 3, epoch: 0, seed: 1), configuration: Self.configuration,
            weights: tensors(weights), firstMoments: tensors(first), secondMoments: tensors(second),
            tokenizerFrom: nil)
        try checkpoint.verify()
        let loaded = try WeightLoader.load(
            try checkpoint.model(), Self.configuration.classifier(), layout: layout, missingHead: .fail)
        #expect(loaded.drawn.isEmpty)
        #expect(same(loaded.weights, weights))
        let file = try checkpoint.openOptimizer()
        for (moment, buffer) in [(CheckpointFolder.Moment.first, first), (.second, second)] {
            let found = try #require(
                try WeightLoader.loadMoments(file, layout: layout, family: BERT.self) { moment.name(of: $0) })
            #expect(same(found, buffer))
        }
        #expect(try WeightLoader.loadMoments(file, layout: layout, family: BERT.self) { "velocity.\($0)" } == nil)
        // Some but not all: another model's.
        #expect(throws: ModelError.self) {
            _ = try WeightLoader.loadMoments(file, layout: layout, family: BERT.self) {
                $0.hasPrefix("classifier") ? "x" : CheckpointFolder.Moment.first.name(of: $0)
            }
        }
        var larger = Self.configuration
        larger.encoder.layers[0].intermediate = 44
        #expect(throws: ModelError.self) {
            _ = try WeightLoader.loadMoments(file, layout: ParameterLayout(larger.classifier()), family: BERT.self) {
                CheckpointFolder.Moment.first.name(of: $0)
            }
        }
        withExtendedLifetime((weights, first, second)) {}
    }
}
