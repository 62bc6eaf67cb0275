import Modeling

/// The settings that the gradient and the optimizer step depend on, apart from the learning rate.
public struct Hyperparameters: Sendable, Codable, Equatable {
    /// The optimizer and its own settings.
    public var optimizer: OptimizerKind
    /// The weight decay of the parameters that decay (no biases, no LayerNorm), at least 0.
    public var weightDecay: Double
    /// The greatest global norm of the mean gradient; nil for no clipping.
    public var clipNorm: Double?
    /// The dropout probability in place of the model's own ones; nil leaves those.
    public var dropout: Double?
    /// In what the encoder's products are computed.
    public var precision: Precision
    /// Whether the backward pass computes a layer's activations again instead of keeping them: the same bits, in less
    /// memory and more time.
    public var recompute: Bool
    /// What the learning rate is multiplied with for each layer further from the head; nil for the same rate
    /// everywhere. See ``LayerDecay``.
    public var layerDecay: Double?
    /// What the learning rate is multiplied with for the head; nil for 1.
    public var headFactor: Double?
    /// The steps of the phase after which the weights are averaged, see ``AveragedWeights``; nil for no averaging.
    public var averagedAfter: Int?

    private enum CodingKeys: String, CodingKey {
        case optimizer, dropout, precision, recompute
        case weightDecay = "weight_decay"
        case clipNorm = "clip_norm"
        case layerDecay = "layer_decay"
        case headFactor = "head_factor"
        case averagedAfter = "averaged_after"
    }

    /// Settings, by default those of fine-tuning with AdamW as `transformers` has it, with clipping to norm 1.
    public init(
        optimizer: OptimizerKind = .adamW(), weightDecay: Double = 0.01, clipNorm: Double? = 1, dropout: Double? = nil,
        precision: Precision = .float32, recompute: Bool = false, layerDecay: Double? = nil
    ) {
        self.optimizer = optimizer
        self.weightDecay = weightDecay
        self.clipNorm = clipNorm
        self.dropout = dropout
        self.precision = precision
        self.recompute = recompute
        self.layerDecay = layerDecay
    }

    /// Reads what is encoded; a `precision` that is missing is float32, a `recompute` false.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        optimizer = try values.decode(OptimizerKind.self, forKey: .optimizer)
        weightDecay = try values.decode(Double.self, forKey: .weightDecay)
        clipNorm = try values.decodeIfPresent(Double.self, forKey: .clipNorm)
        dropout = try values.decodeIfPresent(Double.self, forKey: .dropout)
        precision = try values.decodeIfPresent(Precision.self, forKey: .precision) ?? .float32
        recompute = try values.decodeIfPresent(Bool.self, forKey: .recompute) ?? false
        layerDecay = try values.decodeIfPresent(Double.self, forKey: .layerDecay)
        headFactor = try values.decodeIfPresent(Double.self, forKey: .headFactor)
        averagedAfter = try values.decodeIfPresent(Int.self, forKey: .averagedAfter)
    }

    /// Throws an error that names the first option that is out of range.
    public func validate() throws(TrainingError) {
        try Self.check("weight-decay", weightDecay, "a number of at least 0") { $0 >= 0 }
        if let clipNorm { try Self.check("clip-norm", clipNorm, "a number above 0, or 0 for no clipping") { $0 > 0 } }
        if let dropout { try Self.check("dropout", dropout, "at least 0 and below 1") { $0 >= 0 && $0 < 1 } }
        if let layerDecay { try Self.check("layer-decay", layerDecay, "above 0 and at most 1") { $0 > 0 && $0 <= 1 } }
        if let headFactor {
            try Self.check("head-learning-rate", headFactor, "a rate of at least 0") { $0 >= 0 && $0 <= 1e6 }
        }
        if let averagedAfter, averagedAfter < 0 {
            throw .invalidOption("averaged_after", value: "\(averagedAfter)", need: "a number of steps")
        }
        switch optimizer {
        case .adamW(let beta1, let beta2, let epsilon):
            try Self.check("beta1", beta1, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
            try Self.check("beta2", beta2, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
            // Below this the float is 0 or subnormal, and a weight without gradient would become 0 / 0.
            try Self.check("epsilon", epsilon, "between 1e-30 and 1") { $0 >= 1e-30 && $0 <= 1 }
        case .sgd(let momentum, let nesterov):
            try Self.check("momentum", momentum, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
            if nesterov && momentum == 0 {
                throw .invalidOption("momentum", value: "0", need: "above 0 with --nesterov")
            }
        }
    }

    /// Throws unless `value` is finite and passes `test`.
    static func check(
        _ option: String, _ value: Double, _ need: String, _ test: (Double) -> Bool
    ) throws(TrainingError) {
        guard value.isFinite, test(value) else { throw .invalidOption(option, value: "\(value)", need: need) }
    }
}
