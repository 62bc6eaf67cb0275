/// Which optimizer takes the steps, with the settings that are its own.
public enum OptimizerKind: Sendable, Equatable {
    /// AdamW (Loshchilov and Hutter, 2019): decoupled weight decay.
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
