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

    /// The entries of old versions, true for the mode that counts.
    private static let oldModes = [
        "pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max",
        "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens": "weightedmean", "pooling_mode_lasttoken": "lasttoken",
    ]
    /// The entries for the floats of a token's row, of new versions and of old ones.
    private static let widthKeys = ["embedding_dimension", "word_embedding_dimension"]

    /// The floats of a token's row that the config.json of a module says; nil where it says none.
    static func width(_ json: JSONValue, path: String) throws(FileError) -> Int? {
        var found: Int?
        for key in widthKeys {
            guard let value = json[key], !value.isNull else { continue }
            guard let width = value.integer, width >= 1, width == found ?? width else {
                throw FileError(
                    path,
                    "\(key) is \(value.summary), must be "
                        + (found.map { "\($0) as \(widthKeys[0])" } ?? "a whole number above 0"))
            }
            found = width
        }
        return found
    }

    /// Reads the config.json of a module, of new versions (`pooling_mode`) and of old ones (`pooling_mode_mean_tokens`
    /// and its kin).
    ///
    /// - Throws: An error that names the file, and the mode or the entry that is not understood; also where there are
    ///   several modes, or none.
    init(_ json: JSONValue, path: String) throws(FileError) {
        guard let members = json.members else { throw FileError(path, "must be an object; fetch the model again") }
        var old: [String] = []
        var hasOld = false
        for (key, value) in members.map({ ($0.key, $0.value) }) {
            if ["pooling_mode", "include_prompt"].contains(key) || Self.widthKeys.contains(key) { continue }
            guard let mode = Self.oldModes[key] else {
                throw FileError(
                    path, "has the entry \(quoted(key)), which is not understood; take it out if it says nothing")
            }
            guard let isOn = value.bool else {
                throw FileError(path, "\(key) is \(value.summary), must be true or false")
            }
            hasOld = true
            if isOn { old.append(mode) }
        }
        old.sort()
        let modes: [String]
        switch json["pooling_mode"] {
        case .string(let mode): modes = [mode]
        case .array(let list): modes = list.map { $0.string ?? $0.summary }
        case nil, .null: modes = hasOld ? old : ["mean"]
        case .some(let other): modes = [other.summary]
        }
        guard !modes.isEmpty else {
            throw FileError(path, "names no pooling: none of the entries pooling_mode_… is true; set one")
        }
        guard old.isEmpty || json["pooling_mode"].map(\.isNull) ?? true || modes == old else {
            throw FileError(
                path,
                "pooling_mode is \(json["pooling_mode"]?.summary ?? "missing"), but the entries pooling_mode_… say "
                    + "\(old.joined(separator: " and ")); take out the wrong ones")
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
