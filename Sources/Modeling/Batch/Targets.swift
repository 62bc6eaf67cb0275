/// What a micro-batch is to learn.
public enum Targets: Sendable, Equatable {
    /// Nothing: the batch is only to be computed.
    case none
    /// The class of each sequence.
    case classes([Int32])
    /// `width` numbers of each sequence, row-major. See ``Target/values(_:)``.
    case values([Float], width: Int)
    /// A class for each token of the batch; ``Target/ignored`` where there is nothing to learn.
    case tokens([Int32])

    /// Those of several micro-batches in their order; nil if they are not of one kind.
    public static func joined(_ parts: [Targets]) -> Targets? {
        guard var all = parts.first else { return Targets.none }
        for part in parts.dropFirst() {
            switch (all, part) {
            case (.none, .none): break
            case (.classes(let one), .classes(let next)): all = .classes(one + next)
            case (.values(let one, let width), .values(let next, let other)) where width == other:
                all = .values(one + next, width: width)
            case (.tokens(let one), .tokens(let next)): all = .tokens(one + next)
            default: return nil
            }
        }
        return all
    }

    /// The class of each row of outputs, ``Target/ignored`` for a token without; nil where rows have no classes.
    var rowClasses: [Int32]? {
        switch self {
        case .classes(let classes), .tokens(let classes): classes
        case .none, .values: nil
        }
    }

    /// Whether some token has a tag of which nothing can be learnt: see ``Target/unknownTags``.
    public var hasUnknownTags: Bool {
        guard case .tokens(let labels) = self else { return false }
        return labels.contains { $0 < Target.ignored }
    }

    /// Adds what is to be learnt of one more sequence, which must be of the kind of the others.
    mutating func append(_ target: Target) {
        switch (self, target) {
        case (_, .none): break
        case (.none, .classIndex(let label)): self = .classes([label])
        case (.none, .values(let values)): self = .values(values, width: values.count)
        case (.none, .tokens(let labels)): self = .tokens(labels)
        case (.classes(var labels), .classIndex(let label)):
            // The array must not be shared while it grows.
            self = .none
            labels.append(label)
            self = .classes(labels)
        case (.values(var all, let width), .values(let values)):
            self = .none
            all.append(contentsOf: values)
            self = .values(all, width: width)
        case (.tokens(var all), .tokens(let labels)):
            self = .none
            all.append(contentsOf: labels)
            self = .tokens(all)
        default: assertionFailure("targets of one kind are packed together")
        }
    }

    /// Checks that they are as many as the batch calls for, and that numbers are finite.
    ///
    /// - Parameters:
    ///   - sequences: S, the sequences of the batch.
    ///   - tokens: T, its tokens.
    public func validate(sequences: Int, tokens: Int) throws(ModelError) {
        switch self {
        case .none: break
        case .classes(let classes):
            guard classes.count == sequences else {
                throw .invalidBatch("\(classes.count) labels for \(sequences) sequences")
            }
        case .values(let values, let width):
            // Not a product, which could overflow.
            guard width > 0, values.count % width == 0, values.count / width == sequences else {
                throw .invalidBatch("\(values.count) values, \(width) of each, for \(sequences) sequences")
            }
            guard values.allSatisfy(\.isFinite) else { throw .invalidBatch("a value that is not finite") }
        case .tokens(let labels):
            guard labels.count == tokens else { throw .invalidBatch("\(labels.count) labels for \(tokens) tokens") }
        }
    }
}
