/// A low-rank adapter: beside linear layers of every encoder layer, which stay as they are, two small matrices learn
/// (LoRA: Hu et al., "LoRA: low-rank adaptation of large language models", 2021). The result of a layer becomes
/// W x + b + s B A dropout(x), with A of (rank, inputs) and B of (outputs, rank).
public struct LowRankAdapter: Sendable, Codable, Equatable {
    /// A linear layer of an encoder layer.
    public enum Target: String, Sendable, Codable, CaseIterable {
        // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
        case query, key, value, intermediate, output
        /// The projection of attention's result.
        case attentionOutput = "attention-output"
        /// Query, key and value as one layer, in families whose files have them so.
        case queryKeyValue = "query-key-value"

        /// The tensors beside which it stands; of several as one the first.
        public var part: ParameterID.LayerPart {
            switch self {
            case .query, .queryKeyValue: .query
            case .key: .key
            case .value: .value
            case .attentionOutput: .attentionOutput
            case .intermediate: .intermediate
            case .output: .output
            }
        }

        /// Its number among the places of a layer that draw a dropout mask. Part of what makes a run repeatable: never
        /// renumber them. No adapter has both those of number 0.
        var site: UInt32 {
            switch self {
            case .query, .queryKeyValue: 0
            case .key: 1
            case .value: 2
            case .attentionOutput: 3
            case .intermediate: 4
            case .output: 5
            }
        }

        /// What ``queryKeyValue`` is in other families.
        static let separate: Set<Target> = [.query, .key, .value]

        /// Its place in lists of all of them.
        var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// Rows of A.
    public var rank: Int
    /// What s is made of.
    public var alpha: Double
    /// The dropout probability of the adapters' input.
    public var dropout: Float
    /// The layers that have one, in the order of `Target.allCases`, each once.
    public var targets: [Target]
    /// Whether s is alpha / √rank (Kalajdzievski 2023, "rsLoRA") and not alpha / rank.
    public var isRankStabilized: Bool

    private enum CodingKeys: String, CodingKey {
        case rank, alpha, dropout, targets
        case isRankStabilized = "rank_stabilized"
    }

    /// An adapter of these settings; `targets` may be in any order.
    public init(rank: Int, alpha: Double, dropout: Float, targets: Set<Target>, isRankStabilized: Bool = false) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = Target.allCases.filter(targets.contains)
        self.isRankStabilized = isRankStabilized
    }

    /// s.
    public var scale: Double { alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)) }

    /// The ranks that an adapter may have.
    public static let ranks = 1...1024
    /// The greatest alpha.
    public static let maxAlpha = 1e6

    /// Checks every bound.
    public func validate() throws(ModelError) {
        guard Self.ranks.contains(rank) else {
            throw .invalidModel("the rank of its adapter is \(rank), must be 1 to \(Self.ranks.upperBound)")
        }
        guard alpha > 0, alpha <= Self.maxAlpha else {
            throw .invalidModel(
                "the alpha of its adapter is \(alpha), must be above 0 and at most \(Int(Self.maxAlpha))")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalidModel("the dropout of its adapter is \(dropout), must be at least 0 and below 1")
        }
        guard !targets.isEmpty, targets == Target.allCases.filter(targets.contains) else {
            throw .invalidModel("the targets of its adapter are none, or not in their order")
        }
        guard !targets.contains(.queryKeyValue) || !targets.contains(where: Target.separate.contains) else {
            throw .invalidModel("its adapter has query, key and value as one, and one of them apart")
        }
    }
}
