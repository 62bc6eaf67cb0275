extension Parameter {
    /// Fills a new tensor, whose memory is zeros, as `transformers` does: matrices from N(0, deviation²) by the
    /// tensor's own stream of the seed, gamma of a LayerNorm with 1; biases stay 0.
    func initialize(_ values: UnsafeMutableBufferPointer<Float>, deviation: Float, seed: UInt64) {
        if id.isNormScale { return values.update(repeating: 1) }
        guard shape.count == 2 else { return }
        WeightLoader.drawNormal(values, deviation: deviation, seed: seed, stream: id.initializationStream)
    }
}
