import Modeling

/// Layer-wise decay of the learning rate (Howard and Ruder, "Universal language model fine-tuning for text
/// classification", 2018, section 3.2; with this counting Bao et al., "BEiT: BERT pre-training of image transformers",
/// 2021): a part of the model learns at the rate times `decay` to the power of its distance from the head.
///
/// The head has distance 0, the last encoder layer 1, the first as many as there are layers, and the embeddings one
/// more. (ELECTRA, Clark et al. 2020, counts one more for all but the head.)
public struct LayerDecay: Sendable, Equatable {
    /// Above 0 and at most 1.
    public let decay: Double
    /// The encoder layers.
    public let layers: Int
    /// What the rate of the head is multiplied with.
    public let headFactor: Double

    /// That of a model of so many encoder layers.
    public init(_ decay: Double, layers: Int, headFactor: Double = 1) {
        self.decay = decay
        self.layers = layers
        self.headFactor = headFactor
    }

    /// The distance of a part from the head: its rate group.
    public func distance(of part: ModelPart) -> Int {
        switch part {
        case .head: 0
        case .layer(let index): layers - index
        case .positions, .words: layers + 1
        }
    }

    /// What the rate is multiplied with, by distance.
    public var factors: [Double] {
        var factors = (0...layers).reduce(into: [1.0]) { factors, _ in
            factors.append(factors[factors.count - 1] * decay)
        }
        factors[0] = headFactor
        return factors
    }
}
