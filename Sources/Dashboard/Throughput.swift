import Cluster

/// Means over the newest steps, which are what one wants to look at: single steps jump about.
struct Throughput {
    /// How many steps the loss is averaged over.
    static let lossWindow = 10
    /// How many steps the speed is averaged over.
    static let speedWindow = 50

    private var newest: [(loss: Double, tokens: Int, seconds: Double)] = []

    mutating func add(_ step: StepMetrics) {
        newest.append((step.loss, step.tokens, step.stepSeconds))
        if newest.count > Self.speedWindow { newest.removeFirst() }
    }

    /// The mean loss of the last ``lossWindow`` steps.
    var loss: Double {
        let recent = newest.suffix(Self.lossWindow)
        return recent.reduce(0) { $0 + $1.loss } / Double(max(1, recent.count))
    }

    /// Tokens a second over the last ``speedWindow`` steps.
    var tokensPerSecond: Double {
        let seconds = newest.reduce(0) { $0 + $1.seconds }
        return seconds > 0 ? Double(newest.reduce(0) { $0 + $1.tokens }) / seconds : .nan
    }
}
