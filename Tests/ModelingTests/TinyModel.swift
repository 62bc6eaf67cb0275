import Checkpoint
import Numerics
import Support
import TestSupport
import Testing

@testable import Modeling

/// A model of a few hundred numbers, whose flat vector counts 0, 1, 2 …
final class TinyModel {
    let configuration = ModelConfiguration.tiny(
        vocabulary: 11, hidden: 4, layers: 1, heads: 2, positions: 5, labels: ["earn", "trade \"x\"", "é\n"])
    let tensors: [TensorToWrite]
    private let weights: FloatBuffer

    init() throws {
        let layout = ParameterLayout(configuration.classifier())
        weights = FloatBuffer(count: layout.count)
        for i in 0..<weights.count { weights.pointer[i] = Float(i) }
        tensors = WeightLoader.tensors(of: weights, layout: layout, family: BERT.self)
    }
}
