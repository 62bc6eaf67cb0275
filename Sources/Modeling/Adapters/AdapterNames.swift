/// What `peft` calls the modules and tensors of an adapter of a model of a family.
struct AdapterNames {
    let family: any ModelFamily.Type
    /// Whether it is an adapter of the bare encoder, whose names leave out the family's prefix.
    var isOfEncoder = false

    /// What names in `adapter_model.safetensors` begin with.
    static let prefix = "base_model.model."

    /// The name under which a tensor of an adapter, or of the head, is written.
    func tensor(_ id: ParameterID) -> String { Self.prefix + name(id) }

    private func name(_ id: ParameterID) -> String {
        isOfEncoder ? withoutPrefix(family.tensorName(id)) : family.tensorName(id)
    }

    /// A name without what those of the encoder begin with, such as `bert.`.
    private func withoutPrefix(_ name: String) -> String {
        let start = family.tensorName(.embedding(.words)).split(separator: ".").first.map { $0 + "." } ?? ""
        return name.hasPrefix(start) ? String(name.dropFirst(start.count)) : name
    }

    /// The linear layers that can have an adapter.
    var targets: [LowRankAdapter.Target] {
        let isPacked = family.isPacked(.layer(0, .query, .weight))
        return LowRankAdapter.Target.allCases.filter {
            isPacked ? !LowRankAdapter.Target.separate.contains($0) : $0 != .queryKeyValue
        }
    }

    /// By default, those of query and value, as in `peft`, or of the module that they are in.
    var usualTargets: Set<LowRankAdapter.Target> {
        let targets = targets
        return targets.contains(.queryKeyValue) ? [.queryKeyValue] : [.query, .value]
    }

    /// All names under which it is read.
    func readable(_ id: ParameterID) -> [String] {
        let name = family.tensorName(id)
        return ([name] + family.aliases(of: name)).map { Self.prefix + $0 }
    }

    /// The module of a linear layer: the name of its weight without the last part.
    func module(_ layer: Int, _ target: LowRankAdapter.Target) -> String {
        Self.module(name(.layer(layer, target.part, .weight)))
    }

    private static func module(_ tensor: String) -> String {
        tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
    }

    /// Whether `peft` takes a module for one that `target_modules`, or `modules_to_save`, names so.
    static func matches(_ module: String, _ name: String) -> Bool { module == name || module.hasSuffix("." + name) }

    /// The shortest names for `target_modules` that match these targets in all layers and nothing else of the model.
    func targetModules(_ targets: [LowRankAdapter.Target], _ layout: ParameterLayout) -> [String] {
        let wanted = Set(layout.layers.indices.flatMap { layer in targets.map { module(layer, $0) } })
        // A name that an inner node of the tree of modules has as well would match that.
        var others: Set<String> = []
        for parameter in layout.parameters where !parameter.id.isOfAdapter {
            var parts = Self.module(name(parameter.id)).split(separator: ".")
            while !parts.isEmpty {
                others.insert(parts.joined(separator: "."))
                parts.removeLast()
            }
        }
        others.subtract(wanted)
        var names: Set<String> = []
        for module in wanted {
            let parts = module.split(separator: ".")
            let name = (1...max(1, parts.count)).lazy.map { parts.suffix($0).joined(separator: ".") }
                .first { name in !others.contains { Self.matches($0, name) } }
            names.insert(name ?? module)
        }
        return names.sorted()
    }

    /// The modules of the head, where it is trained, for `modules_to_save`.
    func savedModules(_ layout: ParameterLayout) -> [String] {
        var names: [String] = []
        for parameter in layout.trainable {
            guard case .head = parameter.id else { continue }
            let module = String(withoutPrefix(family.tensorName(parameter.id)).prefix { $0 != "." })
            if !names.contains(module) { names.append(module) }
        }
        return names.sorted()
    }

    /// The targets that a name means: our own, or that of a module of the family, as `peft` matches it; `all-linear` is
    /// all of them.
    func targets(_ name: String) -> Set<LowRankAdapter.Target> {
        let targets = targets
        if let target = targets.first(where: { $0.rawValue == name }) { return [target] }
        if name == "all-linear" { return Set(targets) }
        return Set(targets.filter { Self.matches(module(0, $0), name) })
    }
}
