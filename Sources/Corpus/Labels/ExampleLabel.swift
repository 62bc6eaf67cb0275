/// What an example is to be taken for.
public enum ExampleLabel: Sendable, Equatable {
    /// Not known, or not asked for.
    case none
    /// One class: an index among the names of the data set.
    case one(Int32)
    /// Any number of classes, in ascending order, each once.
    case several([Int32])
    /// Numbers, one for each name of the data set.
    case values([Float])
    /// A tag of each word: indices among the names of the data set.
    case tags([Int32])
}

/// A label as it stands in a file.
public enum RawLabel: Sendable, Equatable {
    /// A field of CSV or TSV, or a text, a number or a truth value of JSON.
    case text(String)
    /// A JSON array of texts, numbers or truth values.
    case list([String])

    /// It as one text.
    public var text: String {
        switch self {
        case .text(let text): text
        case .list(let items): items.joined(separator: ", ")
        }
    }
}
