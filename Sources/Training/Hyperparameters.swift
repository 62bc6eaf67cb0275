import Transformer

/// Which optimizer takes the steps, with the settings that are its own.
public enum OptimizerKind: Sendable, Equatable {
    /// AdamW (Loshchilov and Hutter, 2019): weight decay apart from the gradient.
    case adamW(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8)
    /// Stochastic gradient descent, with momentum unless it is 0; weight decay is added to the gradient.
    case sgd(momentum: Double = 0, nesterov: Bool = false)

    /// The name as on the command line.
    public var name: String {
        switch self {
        case .adamW: "adamw"
        case .sgd: "sgd"
        }
    }

    /// The optimizer called `name` with its default settings, or nil.
    public init?(name: String) {
        switch name {
        case "adamw": self = .adamW()
        case "sgd": self = .sgd()
        default: return nil
        }
    }

    /// Whether the first moment (for SGD: the velocity) is read and written.
    public var usesFirstMoment: Bool {
        switch self {
        case .adamW: true
        case .sgd(let momentum, _): momentum != 0
        }
    }

    /// Whether the second moment is read and written.
    public var usesSecondMoment: Bool {
        switch self {
        case .adamW: true
        case .sgd: false
        }
    }
}

extension OptimizerKind: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, beta1, beta2, epsilon, momentum, nesterov
    }

    /// Reads `{"name": "adamw", "beta1": 0.9, …}`; settings that are missing take their defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let name = try values.decode(String.self, forKey: .name)
        switch name {
        case "adamw":
            self = .adamW(
                beta1: try values.decodeIfPresent(Double.self, forKey: .beta1) ?? 0.9,
                beta2: try values.decodeIfPresent(Double.self, forKey: .beta2) ?? 0.999,
                epsilon: try values.decodeIfPresent(Double.self, forKey: .epsilon) ?? 1e-8)
        case "sgd":
            self = .sgd(
                momentum: try values.decodeIfPresent(Double.self, forKey: .momentum) ?? 0,
                nesterov: try values.decodeIfPresent(Bool.self, forKey: .nesterov) ?? false)
        default:
            throw TrainingError.invalidOption("optimizer", value: "\"\(name)\"", need: "adamw or sgd")
        }
    }

    /// Writes what ``init(from:)`` reads.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(name, forKey: .name)
        switch self {
        case .adamW(let beta1, let beta2, let epsilon):
            try values.encode(beta1, forKey: .beta1)
            try values.encode(beta2, forKey: .beta2)
            try values.encode(epsilon, forKey: .epsilon)
        case .sgd(let momentum, let nesterov):
            try values.encode(momentum, forKey: .momentum)
            try values.encode(nesterov, forKey: .nesterov)
        }
    }
}

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

    private enum CodingKeys: String, CodingKey {
        case optimizer, dropout, precision, recompute
        case weightDecay = "weight_decay"
        case clipNorm = "clip_norm"
    }

    /// Settings, by default those of fine-tuning with AdamW as `transformers` has it, with clipping to norm 1.
    public init(
        optimizer: OptimizerKind = .adamW(), weightDecay: Double = 0.01, clipNorm: Double? = 1, dropout: Double? = nil,
        precision: Precision = .float32, recompute: Bool = false
    ) {
        self.optimizer = optimizer
        self.weightDecay = weightDecay
        self.clipNorm = clipNorm
        self.dropout = dropout
        self.precision = precision
        self.recompute = recompute
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
    }

    /// Throws an error that names the first option that is out of range.
    public func validate() throws(TrainingError) {
        try Self.check("weight-decay", weightDecay, "a number of at least 0") { $0 >= 0 }
        if let clipNorm { try Self.check("clip-norm", clipNorm, "a number above 0, or 0 for no clipping") { $0 > 0 } }
        if let dropout { try Self.check("dropout", dropout, "at least 0 and below 1") { $0 >= 0 && $0 < 1 } }
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
