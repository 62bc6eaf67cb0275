/// A part of a model that is trained or frozen as a whole.
public enum ModelPart: Hashable, Sendable {
    /// All tensors of the head.
    case head
    /// An encoder layer; layer 0 is next to the embeddings.
    case layer(Int)
    /// The position and segment embeddings, and the LayerNorm of the embeddings.
    case positions
    /// The word embedding.
    case words

    /// All of the embeddings.
    public static let embeddings: Set<ModelPart> = [.positions, .words]

    /// All parts of a model, in the order in which the backward pass finishes their gradients.
    public static func all(of encoder: EncoderArchitecture) -> [ModelPart] {
        [.head] + encoder.layers.indices.reversed().map { .layer($0) } + [.positions, .words]
    }

    /// The name in JSON: `head`, `layer.3`, `positions`, `words`.
    public var name: String {
        switch self {
        case .head: "head"
        case .layer(let index): "layer.\(index)"
        case .positions: "positions"
        case .words: "words"
        }
    }

    /// The part of this name, spelt as ``name`` spells it; nil if there is none.
    public init?(name: String) {
        switch name {
        case "head": self = .head
        case "positions": self = .positions
        case "words": self = .words
        default:
            guard name.hasPrefix("layer."), let index = Int(name.dropFirst(6)), index >= 0 else { return nil }
            self = .layer(index)
            guard self.name == name else { return nil }
        }
    }
}

extension ModelPart: Comparable {
    /// By the order of ``all(of:)``.
    public static func < (a: ModelPart, b: ModelPart) -> Bool { a.rank < b.rank }

    private var rank: (Int, Int) {
        switch self {
        case .head: (0, 0)
        case .layer(let index): (1, -index)
        case .positions: (2, 0)
        case .words: (3, 0)
        }
    }
}
