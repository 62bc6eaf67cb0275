import Support

/// `pre_tokenizer` of `tokenizer.json`, for tokenizers of byte pairs and pieces.
struct PreTokenizerJSON {
    var cutter = WordCutter()
    /// Whether words become bytes.
    var isByteLevel = false

    private static let mostSteps = 16

    init(_ value: JSONValue?, _ path: String) throws(FileError) {
        if let value, !value.isNull { try add(value, path) }
    }

    private mutating func add(_ value: JSONValue, _ path: String) throws(FileError) {
        let type = value["type"]?.string ?? ""
        func problem(_ what: String) -> FileError {
            FileError(path, "pre_tokenizer of the type \(type.printable(limit: 60)): \(what)")
        }
        func flag(_ key: String) throws(FileError) -> Bool? {
            guard let found = value[key], !found.isNull else { return nil }
            guard let flag = found.bool else { throw problem("\"\(key)\" must be true, false or null") }
            return flag
        }
        guard cutter.steps.count < Self.mostSteps else {
            throw FileError(path, "pre_tokenizer has more than \(Self.mostSteps) steps")
        }
        guard !isByteLevel else {
            throw FileError(
                path, "pre_tokenizer has \(TokenizerJSON.named(value)) behind ByteLevel, which cannot be used")
        }
        switch type {
        case "Sequence":
            guard let list = value["pretokenizers"]?.array else { throw problem("has no list \"pretokenizers\"") }
            for part in list { try add(part, path) }
        case "ByteLevel":
            if try flag("add_prefix_space") ?? true { cutter.steps.append(.spaceBefore) }
            if try flag("use_regex") ?? true { cutter.steps.append(.pattern(.gpt2)) }
            isByteLevel = true
        case "WhitespaceSplit": cutter.steps.append(.whitespaceSplit)
        case "Metaspace":
            guard let replacement = value["replacement"]?.string, replacement.unicodeScalars.count == 1 else {
                throw problem("\"replacement\" must be one character")
            }
            var scheme = WordCutter.PrependScheme.always
            if let name = value["prepend_scheme"], !name.isNull {
                guard let found = name.string.flatMap(WordCutter.PrependScheme.init) else {
                    throw problem("\"prepend_scheme\" must be always, first or never")
                }
                scheme = found
            }
            if try flag("add_prefix_space") == false {
                guard scheme == .never else {
                    throw problem("add_prefix_space is false, but prepend_scheme is not never; make them agree")
                }
            }
            cutter.steps.append(
                .metaspace(replacement: Array(replacement.utf8), scheme: scheme, split: try flag("split") ?? true))
        case "Split":
            guard let text = value["pattern"]?["Regex"]?.string, let pattern = WordPattern(text) else {
                let shown = value["pattern"]?["Regex"]?.string ?? value["pattern"]?["String"]?.string ?? "none"
                throw problem("its pattern is \"\(shown.printable(limit: 200))\"; those of GPT-2 and GPT-4 can be used")
            }
            let invert = try flag("invert") ?? false
            let behavior = value["behavior"]?.string
            guard (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert) else {
                throw problem("only the behavior Isolated, or Removed with invert, can be used")
            }
            cutter.steps.append(.pattern(pattern))
        default:
            throw FileError(
                path,
                "has the pre-tokenizer \(TokenizerJSON.named(value)), which cannot be used; take another model")
        }
    }
}
