/// What a micro-batch is to learn.
public enum Targets: Sendable, Equatable {
    /// Nothing: the batch is only to be computed.
    case none
    /// The class of each sequence.
    case classes([Int32])

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
