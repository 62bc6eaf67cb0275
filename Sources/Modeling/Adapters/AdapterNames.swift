/// What `peft` calls the modules and tensors of an adapter of a model of a family.
struct AdapterNames {
    let family: any ModelFamily.Type

    /// What names in `adapter_model.safetensors` begin with.
    static let prefix = "base_model.model."

    /// The name under which a tensor of an adapter, or of the head, is written.
    func tensor(_ id: ParameterID) -> String { Self.prefix + family.tensorName(id) }

    /// All names under which it is read.
    func readable(_ id: ParameterID) -> [String] {
        let name = family.tensorName(id)
        return ([name] + family.aliases(of: name)).map { Self.prefix + $0 }
    }

    /// The module of a linear layer: the name of its weight without the last part.
    func module(_ layer: Int, _ target: LowRankAdapter.Target) -> String {
        Self.module(family.tensorName(.layer(layer, target.part, .weight)))
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
            var parts = Self.module(family.tensorName(parameter.id)).split(separator: ".")
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

    /// The modules of the head, for `modules_to_save`.
    func savedModules(_ layout: ParameterLayout) -> [String] {
        let base = family.tensorName(.embedding(.words)).split(separator: ".").first.map { $0 + "." } ?? ""
        var names: [String] = []
        for parameter in layout.parameters {
            guard case .head = parameter.id else { continue }
            let name = family.tensorName(parameter.id)
            let rest = name.hasPrefix(base) ? name.dropFirst(base.count) : name[...]
            let module = String(rest.prefix { $0 != "." })
            if !names.contains(module) { names.append(module) }
        }
        return names.sorted()
    }

    /// The targets that a name means: our own, or that of a module of the family, as `peft` matches it; `all-linear` is
    /// all of them.
    func targets(_ name: String) -> Set<LowRankAdapter.Target> {
        if let target = LowRankAdapter.Target(rawValue: name) { return [target] }
        if name == "all-linear" { return Set(LowRankAdapter.Target.allCases) }
        return Set(LowRankAdapter.Target.allCases.filter { Self.matches(module(0, $0), name) })
    }
}
