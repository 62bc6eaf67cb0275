import Numerics

extension WeightLoader {
    /// All weights of a new model, drawn by `seed` as `transformers` does: matrices and tables from
    /// N(0, initializer_range²), gammas 1, biases and the row of padding 0.
    ///
    /// - Parameter configuration: Says which token is the padding.
    public static func draw(
        _ model: ModelSpecification, layout: ParameterLayout, configuration: ModelConfiguration, seed: UInt64
    ) -> Loaded {
        let weights = FloatBuffer(count: layout.count)
        for parameter in layout.parameters where !parameter.id.isOfAdapter {
            let values = UnsafeMutableBufferPointer(start: weights.pointer + parameter.offset, count: parameter.count)
            parameter.initialize(values, deviation: model.encoder.initializerRange, seed: seed)
        }
        if let padding = configuration.paddingToken, (0..<layout.words.rowCount).contains(padding) {
            let width = layout.words.rowWidth
            (weights.pointer + layout.words.offset + padding * width).update(repeating: 0, count: width)
        }
        return Loaded(weights: weights, drawn: [])
    }
}
