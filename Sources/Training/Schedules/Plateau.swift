import Support

/// The settings of ``PlateauState``.
public struct PlateauSettings: Sendable, Codable, Equatable {
    /// How many evaluations in a row may fail to improve before the rate is reduced.
    public var patience: Int
    /// What the rate is multiplied with, above 0 and below 1.
    public var factor: Double
    /// The loss must fall below `best * (1 - threshold)` to count as better.
    public var threshold: Double
    /// How many evaluations after a reduction are not counted.
    public var cooldown: Int
    /// The least rate.
    public var minimumRate: Double

    private enum CodingKeys: String, CodingKey {
        case patience, factor, threshold, cooldown
        case minimumRate = "minimum_rate"
    }

    /// PyTorch's defaults, except for the patience, which is short because fine-tuning has few epochs.
    public init(
        patience: Int = 1, factor: Double = 0.5, threshold: Double = 1e-4, cooldown: Int = 0, minimumRate: Double = 0
    ) {
        self.patience = patience
        self.factor = factor
        self.threshold = threshold
        self.cooldown = cooldown
        self.minimumRate = minimumRate
    }

    /// Throws an error that names the first option that is out of range.
    public func validate() throws(TrainingError) {
        guard patience >= 0 else { throw .invalidOption("patience", value: "\(patience)", need: "at least 0") }
        guard cooldown >= 0 else { throw .invalidOption("cooldown", value: "\(cooldown)", need: "at least 0") }
        try Hyperparameters.check("factor", factor, "above 0 and below 1") { $0 > 0 && $0 < 1 }
        try Hyperparameters.check("threshold", threshold, "at least 0 and below 1") { $0 >= 0 && $0 < 1 }
        try Hyperparameters.check("min-learning-rate", minimumRate, "at least 0") { $0 >= 0 }
    }
}

/// A learning rate that is reduced when the loss stops falling: `torch.optim.lr_scheduler.ReduceLROnPlateau` with mode
/// "min" and threshold mode "rel".
public struct PlateauState: Sendable, Equatable {
    /// The rate now, apart from warmup.
    public private(set) var rate: Double
    /// The best loss so far; infinite before the first.
    public private(set) var best: Double = .infinity
    /// The evaluations in a row without improvement.
    public private(set) var badEvaluations = 0
    /// The evaluations of the cooldown that are left.
    public private(set) var cooldownLeft = 0

    /// A state before the first evaluation.
    public init(rate: Double) { self.rate = rate }

    /// Takes in the loss of an evaluation.
    public mutating func observe(_ loss: Double, _ settings: PlateauSettings) {
        if loss < best * (1 - settings.threshold) {
            best = loss
            badEvaluations = 0
        } else {
            badEvaluations += 1
        }
        if cooldownLeft > 0 {
            cooldownLeft -= 1
            badEvaluations = 0
        }
        if badEvaluations > settings.patience {
            let reduced = max(rate * settings.factor, settings.minimumRate)
            // PyTorch leaves the rate alone where the change would be less than its `eps`.
            if rate - reduced > 1e-8 { rate = reduced }
            cooldownLeft = settings.cooldown
            badEvaluations = 0
        }
    }

    /// Takes in the loss of an evaluation during warmup: it may be the best, but nothing is held against it.
    public mutating func observeDuringWarmup(_ loss: Double, _ settings: PlateauSettings) {
        if loss < best * (1 - settings.threshold) { best = loss }
    }

    /// The state as plain finite numbers, for a file.
    public var values: [String: Double] {
        var values = ["rate": rate, "bad_evaluations": Double(badEvaluations), "cooldown_left": Double(cooldownLeft)]
        if best.isFinite { values["best"] = best }
        return values
    }

    /// The state from ``values``, which may come from a file that was edited by hand.
    public init(values: [String: Double]) throws(TrainingError) {
        func count(_ key: String) throws(TrainingError) -> Int {
            guard let value = values[key], let count = Int(exactly: value), count >= 0 else {
                throw .unusableState("the schedule's state has no valid \"\(key)\"; resume from another checkpoint")
            }
            return count
        }
        let known: Set = ["rate", "best", "bad_evaluations", "cooldown_left"]
        if let key = values.keys.sorted().first(where: { !known.contains($0) }) {
            throw .unusableState(
                "the schedule's state has an unknown \"\(key.printable(limit: 40))\"; resume from another checkpoint")
        }
        guard let rate = values["rate"], rate.isFinite, rate >= 0 else {
            throw .unusableState("the schedule's state has no valid \"rate\"; resume from another checkpoint")
        }
        self.rate = rate
        guard let best = .some(values["best"] ?? .infinity), !best.isNaN else {
            throw .unusableState("the schedule's state has no valid \"best\"; resume from another checkpoint")
        }
        self.best = best
        badEvaluations = try count("bad_evaluations")
        cooldownLeft = try count("cooldown_left")
    }
}
