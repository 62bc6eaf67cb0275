import Corpus

/// What a benchmark knows of the runs that it starts, without their help.
extension RunConfiguration {
    /// The training examples as the run draws them, with what it would warn about.
    ///
    /// - Throws: The run's error, which names the file or the option.
    public func trainingExamples() throws -> (examples: Dataset, warnings: [String]) {
        let data = try RunData(self)
        return (data.training, data.warnings)
    }

    /// The SHA-256 of every file that decides on the bits, by what it is for, such as `train` and `model`.
    public func fingerprint() throws -> [String: String] { try Fingerprint.take(self) }
}

extension TrainingMethod {
    /// Whether the option of this key in YAML has an effect with this method.
    public func takes(_ key: String) -> Bool {
        guard let option = RunOptionTable.standard.option(key) else { return false }
        var options = RunOptions()
        options.method = self
        options[key] = option.kind == .flag ? .flag(true) : .text("")
        return options.unused?.key != key
    }
}
