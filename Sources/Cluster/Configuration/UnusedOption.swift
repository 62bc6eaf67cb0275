import Support

/// An option that is given although the rest of the options leave it without effect.
struct UnusedOption: Equatable {
    /// Its key in YAML.
    var key: String
    /// What it belongs to, in place of what is chosen, and what to do.
    var reason: String
}

extension RunOptions {
    /// What is chosen by the option of this key, such as `optimizer`; the default where it is not given.
    private func chosen(_ choice: String) -> String? {
        (self[choice] ?? table.option(choice)?.current(.standard))?.description
    }

    /// The first option that is given and has no effect; nil if there is none. A flag that is off asks for nothing.
    var unused: UnusedOption? {
        for option in table.options {
            guard let owner = option.owner, let now = chosen(owner.choice), !owner.values.contains(now),
                let value = self[option.key], value != .flag(false)
            else { continue }
            return UnusedOption(
                key: option.key,
                reason: "belongs to \(owner.text) and has no effect with "
                    + "\(now.printable(limit: 80)): leave it out, or give --\(owner.choice) \(owner.values[0])")
        }
        if chosen("method") == TrainingMethod.probe.rawValue {
            if let key = givenOptionOfSteps {
                return UnusedOption(
                    key: key,
                    reason: "has no effect with the method probe, which takes no steps: leave it out, or give --method "
                        + "finetune")
            }
        }
        if chosen("method") == TrainingMethod.contrastive.rawValue,
            let option = table.options.first(where: { Self.isOfClassifier($0) && gives($0.key) })
        {
            return UnusedOption(
                key: option.key,
                reason:
                    "has no effect with the method contrastive, whose classifier is computed: leave it out, or give "
                    + "--method finetune")
        }
        for (key, losses) in [
            ("contrastive_temperature", [ContrastiveLoss.supervised, .fastfit]), ("pairs_per_text", [.pairs]),
        ] where gives(key) && !losses.contains(where: { chosen("contrastive_loss") == $0.rawValue }) {
            let names = losses.map(\.rawValue).joined(separator: " or ")
            return UnusedOption(
                key: key,
                reason: "belongs to the contrastive loss \(names): leave it out, or give --contrastive-loss "
                    + losses[0].rawValue)
        }
        if chosen("method") == TrainingMethod.distill.rawValue {
            // What a teacher of another kind has no use for, and what the loss of the method has no place for.
            let ofProbe = self["teacher"] == nil ? [] : ["labels", "label_description", "class_shares", "windows"]
            if let key = ofProbe.first(where: { gives($0) }) {
                return UnusedOption(
                    key: key, reason: "belongs to a probe, and --teacher is given in its place: leave one of them out")
            }
            if let key = ["label_smoothing", "class_weights", "focal_loss", "r_drop"].first(where: { gives($0) }) {
                return UnusedOption(
                    key: key,
                    reason: "has no effect with the method distill, whose loss is about a teacher's outputs: leave it "
                        + "out, or give --method finetune")
            }
        }
        if self.keep == .best, self.validation == nil {
            return UnusedOption(
                key: "keep",
                reason: "best needs a set to compare states on: give a --validation file, or leave it out")
        }
        return nil
    }

    /// The key of the first option that is given and says something of steps.
    var givenOptionOfSteps: String? {
        table.options.first { Self.isOfSteps($0) && gives($0.key) }?.key
    }

    /// Whether an option says how a classifier learns by steps.
    private static func isOfClassifier(_ option: RunOption) -> Bool {
        ["label_smoothing", "class_weights", "focal_loss", "r_drop", "head_learning_rate", "keep"].contains(option.key)
    }

    /// Whether an option says something of steps: of those of learning, all but what every method has.
    private static func isOfSteps(_ option: RunOption) -> Bool {
        switch option.group {
        case .learning: !["seed", "precision", "batch_size", "micro_batches"].contains(option.key)
        case .schedule, .checkpoints: true
        default: ["adapter", "wire", "compress_wire", "recompute"].contains(option.key)
        }
    }

    /// Without the settings of an optimizer or a schedule that `upper`, a layer above, replaces by another one.
    func withoutSettings(replacedBy upper: RunOptions) -> RunOptions {
        var result = self
        for option in table.options {
            guard let owner = option.owner, upper.gives(owner.choice),
                !owner.values.contains(upper.chosen(owner.choice) ?? "")
            else {
                continue
            }
            result[option.key] = nil
        }
        return result
    }
}
