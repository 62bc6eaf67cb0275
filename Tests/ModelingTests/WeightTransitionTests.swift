import Checkpoint
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// What of a model stays when the next phase of a run begins.
@Suite struct WeightTransitionTests {
    private func specification(labels: Int, hidden: Int = 8) -> ModelSpecification {
        ModelSpecification(
            encoder: EncoderArchitecture(
                vocabulary: 10, hidden: hidden, positions: .absolute(rows: 8, offset: 0), segments: 2,
                layers: [.init(heads: 2, intermediate: 16)], epsilon: 1e-12, initializerRange: 0.02,
                hiddenDropout: 0.1, attentionDropout: 0.1),
            head: SequenceClassification(labels: labels, dropout: 0.1))
    }

    private func state(_ model: ModelSpecification) -> WeightTransition.State {
        let layout = ParameterLayout(model)
        let weights = FloatBuffer(count: layout.count)
        for i in 0..<layout.count { weights.pointer[i] = Float(i) + 1 }
        return WeightTransition.State(model: model, layout: layout, weights: weights)
    }

    private func values(_ weights: FloatBuffer, _ parameter: Parameter) -> [Float] {
        Array(UnsafeBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count))
    }

    @Test func `the encoder stays wherever its tensors stand, and another head is drawn`() throws {
        let old = state(specification(labels: 3))
        let model = specification(labels: 5)
        let layout = ParameterLayout(model)
        let weights = try WeightTransition.weights(of: model, layout: layout, from: old, seed: 7)
        for parameter in layout.parameters {
            if case .head = parameter.id {
                var expected = [Float](repeating: 0, count: parameter.count)
                if parameter.shape.count == 2 {
                    expected.withUnsafeMutableBufferPointer {
                        WeightLoader.drawNormal(
                            $0, deviation: 0.02, seed: 7, stream: parameter.id.initializationStream)
                    }
                }
                #expect(values(weights, parameter) == expected, "\(parameter.id)")
            } else {
                let source = try #require(old.layout.parameters.first { $0.id == parameter.id })
                #expect(values(weights, parameter) == values(old.weights, source), "\(parameter.id)")
            }
        }
    }

    @Test func `the same head stays`() throws {
        let old = state(specification(labels: 3))
        let weights = try WeightTransition.weights(of: old.model, layout: old.layout, from: old, seed: 7)
        for parameter in old.layout.parameters {
            #expect(values(weights, parameter) == values(old.weights, parameter))
        }
    }

    @Test func `an adapter stays, or is merged where the next phase has none or another`() throws {
        var with = specification(labels: 3)
        with.adapter = LowRankAdapter(rank: 2, alpha: 2, dropout: 0, targets: [.query])
        with.trainable = .only([.head])
        let old = state(with)
        let same = try WeightTransition.weights(of: with, layout: old.layout, from: old, seed: 7)
        for parameter in old.layout.parameters {
            #expect(values(same, parameter) == values(old.weights, parameter), "\(parameter.id)")
        }
        let merged = LowRankMerge.merged(old.weights, old.layout)
        var wider = with
        wider.adapter?.rank = 3
        for model in [specification(labels: 3), wider] {
            let layout = ParameterLayout(model)
            let weights = try WeightTransition.weights(of: model, layout: layout, from: old, seed: 7)
            for parameter in layout.parameters where !parameter.id.isOfAdapter {
                let source = try #require(old.layout.parameters.first { $0.id == parameter.id })
                #expect(values(weights, parameter) == values(merged, source), "\(parameter.id)")
            }
            for parameter in layout.parameters {
                guard case .layer(_, _, .lowRankB) = parameter.id else { continue }
                #expect(values(weights, parameter).allSatisfy { $0 == 0 })
            }
        }
    }

    @Test func `another encoder is refused`() {
        let model = specification(labels: 3, hidden: 16)
        #expect(throws: ModelError.self) {
            try WeightTransition.weights(
                of: model, layout: ParameterLayout(model), from: state(specification(labels: 3)), seed: 7)
        }
    }
}
