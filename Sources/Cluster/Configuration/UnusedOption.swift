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
            guard let owner = option.owner, let now = chosen(owner.choice), now != owner.value,
                let value = self[option.key], value != .flag(false)
            else { continue }
            return UnusedOption(
                key: option.key,
                reason: "belongs to the \(owner.choice) \(owner.value) and has no effect with "
                    + "\(now.printable(limit: 80)): leave it out, or give --\(owner.choice) \(owner.value)")
        }
        if chosen("method") == TrainingMethod.probe.rawValue {
            for option in table.options where Self.isOfSteps(option) && gives(option.key) {
                return UnusedOption(
                    key: option.key,
                    reason: "has no effect with the method probe, which takes no steps: leave it out, or give --method "
                        + "finetune")
            }
        }
        if self.keep == .best, self.validation == nil {
            return UnusedOption(
                key: "keep",
                reason: "best needs a set to compare states on: give a --validation file, or leave it out")
        }
        return nil
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
            guard let owner = option.owner, upper.gives(owner.choice), upper.chosen(owner.choice) != owner.value else {
                continue
            }
            result[option.key] = nil
        }
        return result
    }
}
