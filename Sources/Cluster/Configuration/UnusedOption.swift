import Support

/// An option that is given although the rest of the options leave it without effect.
struct UnusedOption: Equatable {
    /// Its key in YAML.
    var key: String
    /// What it belongs to, in place of what is chosen, and what to do.
    var reason: String
}

extension RunOptions {
    /// Options that only one optimizer, or one schedule, reads.
    private struct Owner {
        /// The option that chooses, such as `optimizer`.
        var choice: String
        /// The value with which the options count.
        var value: String
        /// The options' keys.
        var keys: [String]
    }

    private static let owners = [
        Owner(choice: "optimizer", value: "adamw", keys: ["beta1", "beta2", "epsilon"]),
        Owner(choice: "optimizer", value: "sgd", keys: ["momentum", "nesterov"]),
        Owner(
            choice: "schedule", value: "plateau",
            keys: ["patience", "factor", "threshold", "cooldown", "min_learning_rate"]),
    ]

    /// What is chosen by `optimizer` or `schedule`, the default where it is not given.
    private func chosen(_ choice: String) -> String {
        let standard = RunConfiguration(model: "", train: "", output: "")
        return choice == "optimizer" ? optimizer ?? standard.optimizer : schedule ?? standard.schedule.rawValue
    }

    /// Whether the option of this key is given.
    func gives(_ key: String) -> Bool {
        Self.fields.contains { $0.key == key && $0.write(self) != nil }
    }

    /// The first option that is given and has no effect; nil if there is none. A flag that is off asks for nothing.
    var unused: UnusedOption? {
        for owner in Self.owners where chosen(owner.choice) != owner.value {
            guard let key = owner.keys.first(where: { gives($0) && !($0 == "nesterov" && nesterov == false) }) else {
                continue
            }
            let now = chosen(owner.choice).printable(limit: 80)
            return UnusedOption(
                key: key,
                reason: "belongs to the \(owner.choice) \(owner.value) and has no effect with \(now): leave it out, or "
                    + "give --\(owner.choice) \(owner.value)")
        }
        if keep == KeptState.best.rawValue, validation == nil {
            return UnusedOption(
                key: "keep",
                reason: "best needs something to tell the best by: give a --validation file, or leave it out")
        }
        return nil
    }

    /// Without the settings of an optimizer or a schedule that `upper`, a layer above, replaces by another one.
    func withoutSettings(replacedBy upper: RunOptions) -> RunOptions {
        var result = self
        for owner in Self.owners where upper.gives(owner.choice) && upper.chosen(owner.choice) != owner.value {
            for field in Self.fields where owner.keys.contains(field.key) { field.clear(&result) }
        }
        return result
    }
}
