import Support

/// What `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and `config.json` say, with the
/// precedence that they have in `transformers`.
struct TokenizerSettings {
    /// The class whose rules count.
    private(set) var tokenizerClass = TokenizerClass.bert
    /// Whether some file names the class, or the model's kind, which decides it.
    private(set) var namesClass = false
    /// `add_prefix_space`; nil where it is not said.
    private(set) var addsPrefixSpace: Bool?
    /// The names of special tokens: `unk_token` and so on, and the model's own.
    private(set) var names: [(role: String, token: MentionedToken)] = []
    /// `added_tokens_decoder`, or else `added_tokens.json`, by id.
    private(set) var addedTokens: [MentionedToken] = []
    /// Whether there is an `added_tokens_decoder`: then other files' lists of tokens do not count.
    private(set) var hasDecoder = false
    /// Further special tokens, in their order.
    private(set) var extraTokens: [MentionedToken] = []
    /// Tokens that some file lists although `transformers` does not look there: they must be among the others.
    private(set) var unread: [MentionedToken] = []
    /// The special tokens of those lists by which the tokens of `added_tokens.json` are known as such.
    private var specialLists: [MentionedToken] = []
    /// Whether texts lose their beginning; nil where the files do not say.
    private(set) var truncatesLeft: Bool?
    /// What `tokenizer_config.json` says about the normalizer.
    private var overrides = NormalizerOverrides()
    /// The path of `tokenizer_config.json`.
    let configurationPath: String
    private let mapPath: String
    /// Far more special tokens with names than any model has.
    private static let mostNames = 1000

    /// Reads the files.
    ///
    /// - Parameter isBertOnly: Whether other classes than BERT's and the general one are refused.
    init(folder: String, isBertOnly: Bool = true) throws(FileError) {
        try self.init(folder: folder, isBertOnly: isBertOnly, assumed: .bert)
    }

    /// Reads the files of a folder in which none names the class.
    init(folder: String, assuming assumed: TokenizerClass) throws(FileError) {
        try self.init(folder: folder, isBertOnly: false, assumed: assumed)
    }

    private init(folder: String, isBertOnly: Bool, assumed: TokenizerClass) throws(FileError) {
        tokenizerClass = assumed
        configurationPath = folder + "/tokenizer_config.json"
        mapPath = folder + "/special_tokens_map.json"
        let configuration = try TokenizerFiles.object(configurationPath)
        let map = try TokenizerFiles.object(mapPath)
        let model = try TokenizerFiles.object(folder + "/config.json")
        try readClass(configuration, model, folder, isBertOnly: isBertOnly)
        if let configuration { try readOptions(configuration) }
        if let decoder = configuration?["added_tokens_decoder"], !decoder.isNull {
            hasDecoder = true
            try readDecoder(decoder)
        }
        try readNames(configuration, hasDecoder ? nil : map)
        try readExtra(configuration, map)
        try readAddedTokens(folder + "/added_tokens.json")
        if hasDecoder, let map { try checkUnreadNames(map) }
    }

    /// The options of the normalizer where `tokenizer.json`, if there is one, says `options`.
    func options(over options: NormalizerOptions?) -> NormalizerOptions {
        // The BERT classes build the normalizer anew from `tokenizer_config.json` and their own defaults.
        tokenizerClass == .general ? options ?? .none : overrides.applied(to: NormalizerOptions())
    }

    /// Reads `add_prefix_space`, which only tokenizers that know spaces have.
    mutating func readPrefixSpace() throws(FileError) {
        guard let value = try TokenizerFiles.object(configurationPath)?["add_prefix_space"], !value.isNull else {
            return
        }
        guard let flag = value.bool else {
            throw FileError(configurationPath, "add_prefix_space must be true, false or null")
        }
        addsPrefixSpace = flag
    }

    /// Adds a special token that the model's own file lists.
    mutating func addExtra(_ token: MentionedToken) {
        if !extraTokens.contains(where: { $0.content == token.content }) { extraTokens.append(token) }
    }

    /// What a special token is called.
    func name(_ role: String) -> MentionedToken? { names.first { $0.role == role }?.token }

    private mutating func readClass(
        _ configuration: JSONValue?, _ model: JSONValue?, _ folder: String, isBertOnly: Bool
    ) throws(FileError) {
        let modelType = isBertOnly ? nil : model?["model_type"]?.string
        for (object, file) in [(configuration, "tokenizer_config.json"), (model, "config.json")] {
            guard let value = object?["tokenizer_class"], !value.isNull else { continue }
            let path = "\(folder)/\(file)"
            guard let name = value.string else {
                throw FileError(path, "tokenizer_class must be a string")
            }
            let known = TokenizerClass(name: name)
            if isBertOnly, known != .bert, known != .general {
                throw FileError(
                    path, "tokenizer_class is \"\(name.printable(limit: 60))\"; only BERT's tokenizer can be used")
            }
            if let known {
                tokenizerClass = known
            } else if !(modelType.map { TokenizerClass.isGeneral($0) } ?? false) {
                throw FileError(
                    path,
                    "tokenizer_class is \"\(name.printable(limit: 60))\"; those of BERT, MPNet, RoBERTa, XLM-RoBERTa, "
                        + "CamemBERT and PreTrainedTokenizerFast can be used: if there is a tokenizer.json, name the last"
                )
            }
            namesClass = true
            break
        }
        if let modelType, let known = TokenizerClass(modelType: modelType),
            !namesClass || TokenizerClass.isGeneral(modelType)
        {
            tokenizerClass = known
            namesClass = true
        }
        guard let map = configuration?["auto_map"], !map.isNull else { return }
        guard map.members != nil, map["AutoTokenizer"]?.isNull ?? true else {
            throw FileError(
                configurationPath, "has auto_map: a tokenizer with code of its own, which cannot be used")
        }
    }

    private mutating func readOptions(_ root: JSONValue) throws(FileError) {
        let path = configurationPath
        func flag(_ key: String) throws(FileError) -> Bool? {
            guard let value = root[key], !value.isNull else { return nil }
            guard let flag = value.bool else { throw FileError(path, "\(key) must be true, false or null") }
            return flag
        }
        overrides.lowercase = try flag("do_lower_case")
        overrides.stripAccents = root["strip_accents"] == nil ? .none : .some(try flag("strip_accents"))
        overrides.handleChineseCharacters = try flag("tokenize_chinese_chars")
        if try flag("split_special_tokens") == true {
            throw FileError(path, "split_special_tokens is true, which cannot be used")
        }
        if try flag("do_basic_tokenize") == false {
            throw FileError(path, "do_basic_tokenize is false, which cannot be used")
        }
        if let list = root["never_split"], !list.isNull, list.array?.isEmpty != true {
            throw FileError(path, "never_split cannot be used: list its words in added_tokens_decoder instead")
        }
        if let side = root["truncation_side"], !side.isNull {
            guard let side = side.string, side == "left" || side == "right" else {
                throw FileError(path, "truncation_side must be \"left\" or \"right\"")
            }
            truncatesLeft = side == "left"
        }
    }

    private mutating func readDecoder(_ decoder: JSONValue) throws(FileError) {
        guard let members = decoder.members else {
            throw FileError(configurationPath, "added_tokens_decoder must be an object of ids and tokens")
        }
        for member in members {
            guard let id = Int(member.key) else {
                throw FileError(
                    configurationPath, line: member.line, "added_tokens_decoder has a key that is not a token id")
            }
            addedTokens.append(
                try MentionedToken(
                    member.value, id: id, isSpecial: false, path: configurationPath, place: "added_tokens_decoder"))
        }
        addedTokens.sort { ($0.id ?? 0) < ($1.id ?? 0) }
    }

    private mutating func readAddedTokens(_ path: String) throws(FileError) {
        guard let root = try TokenizerFiles.object(path) else { return }
        let special = Set((names.map(\.token) + specialLists).map(\.content))
        for member in root.members ?? [] {
            guard let id = member.value.integer else {
                throw FileError(path, line: member.line, "a token's value must be its id")
            }
            // The file itself does not say which of its tokens are special, and so not normalized.
            let token = try MentionedToken(
                .string(member.key), id: id, isSpecial: special.contains(member.keyBytes), path: path, place: "the list"
            )
            if hasDecoder { unread.append(token) } else { addedTokens.append(token) }
        }
        if !hasDecoder { addedTokens.sort { ($0.id ?? 0) < ($1.id ?? 0) } }
    }

    /// Names of special tokens; those of the map win, which counts only where there is no `added_tokens_decoder`.
    private mutating func readNames(_ configuration: JSONValue?, _ map: JSONValue?) throws(FileError) {
        for case (let role, let name?) in tokenizerClass.roles {
            var own = try token(.string(name), role, configurationPath)
            if role == "mask_token" { own.stripsLeft = tokenizerClass.maskStripsLeft }
            try set(role, own)
        }
        for (object, path) in [(configuration, configurationPath), (map, mapPath)] {
            for member in object?.members ?? [] {
                let key = member.key
                guard key.hasSuffix("_token"), member.value.bool == nil, !member.value.isNull else { continue }
                var found = try token(member.value, key, path)
                if key == "mask_token", member.value.string != nil { found.stripsLeft = tokenizerClass.maskStripsLeft }
                guard !found.content.isEmpty else {
                    throw FileError(path, "\(key) must be a string or an object with \"content\"")
                }
                try set(key, found)
            }
        }
        let order = tokenizerClass.roles.map(\.role)
        names = names.enumerated().sorted { a, b in
            let (i, j) = (order.firstIndex(of: a.element.role) ?? 99, order.firstIndex(of: b.element.role) ?? 99)
            return (i, a.offset) < (j, b.offset)
        }.map(\.element)
    }

    private func token(_ value: JSONValue, _ key: String, _ path: String) throws(FileError) -> MentionedToken {
        try MentionedToken(value, isSpecial: true, path: path, place: key)
    }

    private mutating func set(_ role: String, _ token: MentionedToken) throws(FileError) {
        guard names.count < Self.mostNames else {
            throw FileError(token.path, "names more than \(Self.mostNames) special tokens")
        }
        names.removeAll { $0.role == role }
        names.append((role, token))
    }

    /// `extra_special_tokens` and, as it was called before, `additional_special_tokens`.
    private mutating func readExtra(_ configuration: JSONValue?, _ map: JSONValue?) throws(FileError) {
        var lists: [String: [MentionedToken]] = [:]
        for (object, path) in [(configuration, configurationPath), (map, mapPath)] {
            for key in ["extra_special_tokens", "additional_special_tokens"] {
                guard let value = object?[key], !value.isNull else { continue }
                let isOwn = path == configurationPath
                if let members = value.members {
                    for member in members {
                        let found = try token(member.value, key, path)
                        if isOwn || !hasDecoder {
                            try set(member.key, found)
                        } else {
                            unread.append(found)
                        }
                    }
                    continue
                }
                guard let values = value.array else {
                    throw FileError(path, "\(key) must be a list of tokens")
                }
                var tokens: [MentionedToken] = []
                for value in values { tokens.append(try token(value, key, path)) }
                lists[(isOwn ? "" : "map ") + key] = tokens
            }
        }
        // The older name counts where the newer one has nothing; the map where there is no `added_tokens_decoder`.
        func list(_ key: String) -> [MentionedToken] { lists[key] ?? [] }
        // A dictionary in the map takes the place of the list: its tokens would be lost.
        let isReplaced = !hasDecoder && map?["extra_special_tokens"]?.members != nil
        let own = isReplaced ? [] : list("extra_special_tokens")
        var used = own.isEmpty ? list("additional_special_tokens") : own
        if !hasDecoder {
            used += list("map extra_special_tokens")
            specialLists = used
            if used.isEmpty { used = list("map additional_special_tokens") }
        }
        extraTokens = used
        let usedContents = Set(used.map(\.content))
        unread += lists.sorted { $0.key < $1.key }.flatMap(\.value).filter { !usedContents.contains($0.content) }
    }

    /// With an `added_tokens_decoder`, `transformers` does not read the map: it must not say anything else.
    private mutating func checkUnreadNames(_ map: JSONValue) throws(FileError) {
        for member in map.members ?? [] {
            let key = member.key
            guard key.hasSuffix("_token"), !member.value.isNull else { continue }
            let found = try token(member.value, key, mapPath)
            if let known = name(key) {
                guard known.content == found.content else {
                    throw FileError(
                        mapPath, "\(key) is \(found.name), but in tokenizer_config.json \(known.name): make them agree")
                }
            } else {
                unread.append(found)
            }
        }
    }
}
