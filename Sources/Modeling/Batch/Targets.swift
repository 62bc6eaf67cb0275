/// What a micro-batch is to learn.
public enum Targets: Sendable, Equatable {
    /// Nothing: the batch is only to be computed.
    case none
    /// The class of each sequence.
    case classes([Int32])

    /// Those of several micro-batches in their order; nil if they are not of one kind.
    public static func joined(_ parts: [Targets]) -> Targets? {
        var all: [Int32]?
        for (index, part) in parts.enumerated() {
            switch part {
            case .none: if all != nil { return nil }
            case .classes(let labels):
                if index > 0, all == nil { return nil }
                all = (all ?? []) + labels
            }
        }
        return all.map { .classes($0) } ?? Targets.none
    }

    /// Adds the class of one more sequence.
    mutating func append(_ label: Int32) {
        switch self {
        case .none: self = .classes([label])
        case .classes(var labels):
            // The array must not be shared while it grows.
            self = .none
            labels.append(label)
            self = .classes(labels)
        }
    }
}
