import Support

/// How the rows of a text's tokens become one row: the `Pooling` of sentence-transformers.
public enum TokenPooling: String, Sendable, Codable, CaseIterable {
    /// The row of the first token.
    case first = "cls"
    /// The mean over all tokens, special ones included.
    case mean
    /// The largest value of each column.
    case max
    /// The sum over all tokens, divided by the square root of their number.
    case meanSquareRoot = "mean_sqrt_len_tokens"

    /// Reads the config.json of a module, of new versions (`pooling_mode`) and of old ones (`pooling_mode_mean_tokens`
    /// and its kin).
    ///
    /// - Throws: An error that names the file and the mode that is not known, or that there are several.
    init(_ json: JSONValue, path: String) throws(FileError) {
        guard json.object != nil else { throw FileError(path, "must be an object; fetch the model again") }
        let old = [
            ("pooling_mode_cls_token", "cls"), ("pooling_mode_mean_tokens", "mean"), ("pooling_mode_max_tokens", "max"),
            ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
            ("pooling_mode_weightedmean_tokens", "weightedmean"), ("pooling_mode_lasttoken", "lasttoken"),
        ].filter { json[$0.0]?.bool == true }.map(\.1)
        let modes: [String]
        switch json["pooling_mode"] {
        case .string(let mode): modes = [mode]
        case .array(let list): modes = list.map { $0.string ?? $0.summary }
        case nil, .null: modes = old.isEmpty ? ["mean"] : old
        case .some(let other): modes = [other.summary]
        }
        guard modes.count == 1, let mode = Self(rawValue: modes[0]) else {
            throw FileError(
                path,
                "its pooling is \(modes.map { $0.printable(limit: 60) }.joined(separator: " and ")); one of "
                    + "\(Self.allCases.map(\.rawValue).joined(separator: ", ")) can be used")
        }
        if json["include_prompt"]?.bool == false {
            throw FileError(path, "include_prompt is false: a pooling that leaves out the prompt cannot be used")
        }
        self = mode
    }

    /// The config.json of the module, in the entries of versions old and new.
    public func json(width: Int) -> String {
        """
        {
          "word_embedding_dimension": \(width),
          "pooling_mode_cls_token": \(self == .first),
          "pooling_mode_mean_tokens": \(self == .mean),
          "pooling_mode_max_tokens": \(self == .max),
          "pooling_mode_mean_sqrt_len_tokens": \(self == .meanSquareRoot)
        }

        """
    }
}
