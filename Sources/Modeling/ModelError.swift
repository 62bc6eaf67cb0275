/// What can be wrong with a model or a batch that comes from outside.
public enum ModelError: Error, CustomStringConvertible, Equatable {
    /// A batch that no model could take.
    case invalidBatch(String)
    /// A model that cannot be: a size out of bounds, a part that is not known.
    case invalidModel(String)
    /// Weights that do not fit the configuration; names the file and the tensor.
    case weights(String)

    /// One line.
    public var description: String {
        switch self {
        case .invalidBatch(let what): "invalid micro-batch: \(what)"
        case .invalidModel(let what): "a model that cannot be used: \(what)"
        case .weights(let what): what
        }
    }
}
