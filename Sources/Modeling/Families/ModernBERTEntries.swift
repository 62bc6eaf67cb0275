import Support

/// The entries of ModernBERT's config.json that have changed between versions of `transformers`: which layers attend to
/// near tokens alone, and the bases of rotary positions.
enum ModernBERTEntries {
    private static let (full, sliding) = ("full_attention", "sliding_attention")
    private static let (globalBase, localBase): (Float, Float) = (160_000, 10_000)

    /// The layers, from `layer_types`, or else by `global_attn_every_n_layers`.
    static func layers(
        _ config: ConfigurationReader, heads: Int, intermediate: Int
    ) throws(FileError) -> [EncoderArchitecture.Layer] {
        let count = try config.integer("num_hidden_layers", default: 22, in: EncoderArchitecture.Limits.layers)
        // Half of it to each side, the token itself besides.
        let window = try config.integer("local_attention", default: 128, in: 0...1_048_576) / 2
        let isGlobal: [Bool]
        switch config.value("layer_types") {
        case nil:
            let every = try config.integer("global_attn_every_n_layers", default: 3, in: 1...1000)
            isGlobal = (0..<count).map { $0.isMultiple(of: every) }
        case .array(let types):
            guard types.count == count else {
                throw config.failure("layer_types has \(types.count) entries for \(count) layers")
            }
            var found: [Bool] = []
            for type in types {
                guard let name = type.string, name == full || name == sliding else {
                    throw config.failure(
                        "layer_types has \(type.summary), only \(quoted(full)) and \(quoted(sliding)) are supported")
                }
                found.append(name == full)
            }
            isGlobal = found
        case .some(let other): throw config.wrong("layer_types", other, "a list")
        }
        return isGlobal.map { .init(heads: heads, intermediate: intermediate, window: $0 ? nil : window) }
    }

    /// The bases, from `rope_parameters`, or else from `global_rope_theta` and `local_rope_theta`.
    static func rotaryBases(_ config: ConfigurationReader) throws(FileError) -> (global: Float, local: Float) {
        guard !config.has("rope_scaling") else { throw config.failure("has rope_scaling, which is not supported") }
        func old(_ key: String, _ usual: Float) throws(FileError) -> Float {
            guard config.entries[key] != .null else { throw config.failure("\(key) is null, must be a number") }
            return try base(config, key, usual)
        }
        guard let found = config.value("rope_parameters") else {
            return (try old("global_rope_theta", globalBase), try old("local_rope_theta", localBase))
        }
        guard case .object(let object) = found else { throw config.wrong("rope_parameters", found, "an object") }
        let members = object.dictionary
        for key in members.keys.sorted() where key != full && key != sliding {
            throw config.failure("rope_parameters has \(quoted(key)), which is not known")
        }
        func new(_ type: String, _ oldKey: String, _ usual: Float) throws(FileError) -> Float {
            guard let found = members[type], !found.isNull else { return try old(oldKey, usual) }
            guard case .object(let settings) = found else {
                throw config.failure("rope_parameters[\(quoted(type))] is \(found.summary), must be an object")
            }
            let reader = ConfigurationReader(entries: settings.dictionary, path: config.path)
            for key in settings.dictionary.keys.sorted() where key != "rope_type" && key != "rope_theta" {
                throw config.failure("rope_parameters has \(quoted(key)), which is not supported")
            }
            try reader.require("rope_type", .string("default"))
            return reader.has("rope_theta") ? try base(reader, "rope_theta", usual) : try old(oldKey, usual)
        }
        return (
            try new(full, "global_rope_theta", globalBase), try new(sliding, "local_rope_theta", localBase)
        )
    }

    private static func base(
        _ config: ConfigurationReader, _ key: String, _ usual: Float
    ) throws(FileError) -> Float {
        try config.number(key, default: usual, "1 to 1e12") { EncoderArchitecture.Limits.rotaryBase.contains($0) }
    }

    /// Writes both, for old and new versions.
    static func write(_ encoder: EncoderArchitecture, into entries: inout [String: JSONValue]) {
        entries["layer_types"] = .array(encoder.layers.map { .string($0.window == nil ? full : sliding) })
        if let window = encoder.layers.lazy.compactMap(\.window).first {
            entries["local_attention"] = .integer(2 * window)
        }
        let every =
            encoder.layers.indices.dropFirst().first { encoder.layers[$0].window == nil }
            ?? max(encoder.layers.count, 1)
        let isRegular = encoder.layers.indices.allSatisfy {
            (encoder.layers[$0].window == nil) == $0.isMultiple(of: every)
        }
        entries["global_attn_every_n_layers"] = isRegular ? .integer(every) : nil
        guard case .rotary(_, let global, let local) = encoder.positions else { return }
        entries["global_rope_theta"] = .float(global)
        entries["local_rope_theta"] = .float(local)
        func settings(_ base: Float) -> JSONValue {
            .object(JSONObject(["rope_theta": .float(base), "rope_type": .string("default")]))
        }
        entries["rope_parameters"] = .object(JSONObject([full: settings(global), sliding: settings(local)]))
    }
}
