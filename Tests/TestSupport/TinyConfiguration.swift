import Modeling

extension ModelConfiguration {
    /// A BERT small enough for a test to run in milliseconds. The feed-forward layers are twice as wide as `hidden`
    /// where nothing else is given.
    public static func tiny(
        vocabulary: Int = 40, hidden: Int = 24, layers: Int = 2, heads: Int = 3, intermediate: Int? = nil,
        positions: Int = 16, labels: [String] = ["a", "b", "c"]
    ) -> ModelConfiguration {
        ModelConfiguration(
            family: BERT.self,
            encoder: EncoderArchitecture(
                vocabulary: vocabulary, hidden: hidden, positions: .absolute(rows: positions, offset: 0), segments: 2,
                layers: .init(repeating: .init(heads: heads, intermediate: intermediate ?? 2 * hidden), count: layers),
                epsilon: 1e-12, initializerRange: 0.02, hiddenDropout: 0.1, attentionDropout: 0.1),
            labels: labels)
    }
}
