/// Which parameters of a model are trained. The others are frozen: they keep their bits, and cost no gradient, no
/// moments and no bytes between workers.
///
/// In JSON it is `"all"`, or the names of the trained parts in the order of ``ModelPart/all(of:)``:
/// `["head","layer.5"]`.
public enum TrainableSet: Sendable, Equatable {
    /// All of them.
    case all
    /// These parts alone, which are not all that the model has.
    case only(Set<ModelPart>)

    /// What learns beside an adapter: the head; nothing where that is pretrained and has the word embedding as a
    /// matrix, which `peft` would untie.
    public static func besideAdapter(_ head: any Head) -> TrainableSet { .only(head.tiesWords ? [] : [.head]) }

    /// Whether a part is trained.
    public func contains(_ part: ModelPart) -> Bool {
        switch self {
        case .all: true
        case .only(let parts): parts.contains(part)
        }
    }

    /// All parts of a model with this encoder but these.
    ///
    /// - Throws: `ModelError.invalidModel` for a part that the model does not have, and where nothing is left.
    public static func freezing(
        _ parts: Set<ModelPart>, of encoder: EncoderArchitecture
    ) throws(ModelError) -> TrainableSet {
        try check(parts, encoder, "frozen")
        return try training(Set(ModelPart.all(of: encoder)).subtracting(parts), of: encoder)
    }

    /// These parts of a model with this encoder.
    ///
    /// - Throws: `ModelError.invalidModel` for a part that the model does not have, and where there is none.
    public static func training(
        _ parts: Set<ModelPart>, of encoder: EncoderArchitecture
    ) throws(ModelError) -> TrainableSet {
        let set = parts == Set(ModelPart.all(of: encoder)) ? all : only(parts)
        try set.validate(encoder)
        return set
    }

    /// Checks that the model has the parts, that there is one, and that they are not all, which is ``all``.
    func validate(_ encoder: EncoderArchitecture) throws(ModelError) {
        guard case .only(let parts) = self else { return }
        try Self.check(parts, encoder, "trained")
        guard !parts.isEmpty else { throw .invalidModel("no part of it is trained") }
        guard parts.count < encoder.layers.count + 3 else {
            throw .invalidModel("all of its parts are named as trained, which is written \"all\"")
        }
    }

    private static func check(
        _ parts: Set<ModelPart>, _ encoder: EncoderArchitecture, _ what: String
    ) throws(ModelError) {
        for case .layer(let index) in parts.sorted() where !encoder.layers.indices.contains(index) {
            throw .invalidModel(
                "layer \(index) is to be \(what), the model has layers 0 to \(encoder.layers.count - 1)")
        }
    }
}

extension TrainableSet: Codable {
    /// Reads what ``encode(to:)`` writes; the order and the number of names are checked where a model is read.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let word = try? value.decode(String.self) {
            guard word == "all" else { throw ModelError.invalidModel("a set of trained parts that is not known") }
            self = .all
            return
        }
        var parts: Set<ModelPart> = []
        for name in try value.decode([String].self) {
            guard let part = ModelPart(name: name) else {
                throw ModelError.invalidModel("one of its trained parts is of a kind that this version does not know")
            }
            parts.insert(part)
        }
        self = .only(parts)
    }

    /// Writes the one form that a set has.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .all: try value.encode("all")
        case .only(let parts): try value.encode(parts.sorted().map(\.name))
        }
    }
}
