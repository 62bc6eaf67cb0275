import Modeling

extension BertConfiguration {
    /// A BERT small enough for a test to run in milliseconds. The feed-forward layers are twice as wide as `hidden`.
    public static func tiny(
        vocabulary: Int = 40, hidden: Int = 24, layers: Int = 2, heads: Int = 3, positions: Int = 16,
        labels: [String] = ["a", "b", "c"]
    ) -> BertConfiguration {
        var configuration = BertConfiguration()
        configuration.vocabSize = vocabulary
        configuration.hiddenSize = hidden
        configuration.layers = layers
        configuration.heads = heads
        configuration.intermediateSize = 2 * hidden
        configuration.maxPositions = positions
        configuration.labels = labels
        return configuration
    }
}
