import Support

/// An adapter as `--lora` asks for it, before the model is known: `rank=8,alpha=16,targets=query,value,dropout=0.1`.
///
/// By default the rank is 8, alpha ``usualScale`` times the rank, the targets are those of
/// ``AdapterNames/usualTargets``, and there is no dropout.
public struct AdapterSelection: Sendable, Equatable {
    /// As it was given.
    public let text: String
    private var rank = 8
    private var alpha: Double?
    private var dropout: Float = 0
    /// Nil for the usual ones.
    private var targets: [String]?
    private var isRankStabilized = false

    /// Reads what the option says.
    ///
    /// - Throws: `PartSelection.Problem` for a setting that is not known, is given twice or is out of range.
    public init(_ text: String) throws(PartSelection.Problem) {
        self.text = text
        var given: Set<String> = []
        var list: [String]?
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                String($0.drop { $0 == " " })
            }
            guard parts.count == 2 else {
                // A further target.
                guard list != nil, !parts[0].isEmpty else { throw Self.problem(word) }
                list?.append(parts[0])
                continue
            }
            let (key, value) = (parts[0], parts[1])
            guard given.insert(key).inserted else {
                throw PartSelection.Problem(need: "settings given once; \(key.printable(limit: 40)) is there twice")
            }
            if let done = list { (targets, list) = (done, nil) }
            switch key {
            case "rank", "r": rank = try Self.number(value, word) { Int($0) }
            case "alpha", "lora_alpha": alpha = try Self.number(value, word) { Double($0) }
            case "dropout", "lora_dropout": dropout = try Self.number(value, word) { Float($0) }
            case "targets", "target_modules":
                guard !value.isEmpty else { throw Self.problem(word) }
                list = [value]
            case "rslora", "use_rslora":
                isRankStabilized = try Self.number(value, word) { ["true": true, "false": false][$0] }
            default: throw Self.problem(word)
            }
        }
        if let list { targets = list }
        do throws(ModelError) {
            try adapter([.query]).validate()
        } catch {
            throw PartSelection.Problem(
                need: "an adapter with a rank of 1 to \(LowRankAdapter.ranks.upperBound), an alpha above 0 and at most "
                    + "\(Int(LowRankAdapter.maxAlpha)), and a dropout of at least 0 and below 1")
        }
    }

    private static func number<T>(
        _ text: String, _ word: Substring, _ read: (String) -> T?
    ) throws(PartSelection.Problem) -> T {
        guard let value = read(text) else { throw problem(word) }
        return value
    }

    private static func problem(_ word: Substring) -> PartSelection.Problem {
        PartSelection.Problem(
            need: "settings such as rank=8,alpha=16,targets=query,value,dropout=0.1; "
                + "\"\(word.printable(limit: 40))\" is none")
    }

    /// What s is by default, but for rsLoRA.
    public static let usualScale = 2.0

    private func adapter(_ targets: Set<LowRankAdapter.Target>) -> LowRankAdapter {
        LowRankAdapter(
            rank: rank, alpha: alpha ?? Self.usualScale * Double(rank), dropout: dropout, targets: targets,
            isRankStabilized: isRankStabilized)
    }

    /// The adapter of a model of this family.
    ///
    /// - Throws: `PartSelection.Problem` for a target that the model does not have.
    public func adapter(of family: any ModelFamily.Type) throws(PartSelection.Problem) -> LowRankAdapter {
        let names = AdapterNames(family: family)
        guard let targets else { return adapter(names.usualTargets) }
        var found: Set<LowRankAdapter.Target> = []
        for name in targets {
            let meant = names.targets(name)
            guard !meant.isEmpty else {
                let isPacked = names.targets.contains(.queryKeyValue)
                let other = LowRankAdapter.Target(rawValue: name)
                throw PartSelection.Problem(
                    need: "an adapter of linear layers that the model has; target \"\(name.printable(limit: 40))\" is "
                        + "none of \(names.targets.map(\.rawValue).joined(separator: ", ")), and no module of the "
                        + "encoder layers"
                        + (isPacked && other != nil
                            ? "; the files of this model have query, key and value as one module" : ""))
            }
            found.formUnion(meant)
        }
        return adapter(found)
    }
}
