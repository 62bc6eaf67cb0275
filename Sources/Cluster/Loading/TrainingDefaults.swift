import Foundation
import Modeling
import Support

/// How long a run trains, and at which learning rate, where an option does not say so: by the number of its examples.
///
/// Few examples need more passes to become enough steps, and then bear a higher rate. The figures behind it are in
/// docs/data.md.
struct TrainingDefaults: Equatable {
    /// The steps that a run should have at least.
    static let leastSteps = 100
    /// The most epochs: beyond them, a handful of examples is learnt by heart.
    static let mostEpochs = 50
    /// The epochs and the rate of a run that has enough steps with them.
    static let usual = TrainingDefaults(epochs: 3, learningRate: 5e-5)
    /// The rate of new weights.
    static let scratchRate = 5e-4
    /// The rate at which a small model learns tags of words. Most words have the tag O, and at a rate for texts the
    /// model says nothing else for hundreds of steps.
    static let taggingRate = 5e-4
    /// The steps that it should have at least: the first 150 or so teach it little but O.
    static let leastTaggingSteps = 400
    /// The width from which on a model is not small, and would diverge at that rate.
    static let wide = 768
    /// The rate of a run that has more epochs.
    static let higherRate = 1e-4
    /// What rates are multiplied with for an adapter of the usual scale, which has few weights to change.
    static let adapterFactor = 20.0
    /// The least that they are multiplied with, for a larger scale.
    static let leastAdapterFactor = 3.0
    /// The rate at which an encoder learns to compare texts.
    static let contrastiveRate = 2e-5
    /// The texts of a step of which each is compared with all others, at most.
    static let mostContrasted = 256
    /// The texts of a step whose tokens are compared, beside as many descriptions, as FastFit has them.
    static let tokenContrasted = 32
    /// Pairs of a step, as SetFit has them.
    static let pairsOfStep = 16
    /// The steps in which texts are compared.
    static let contrastiveSteps = 30
    /// How many times as many steps an adapter should have, where examples are few.
    static let adapterSteps = 2

    var epochs: Int
    var learningRate: Double
    /// The rate of the head, where it is another one: beside an adapter it learns at the rate of a run without one. At
    /// the adapter's it would know few examples by heart before the adapter has learnt from them.
    var headLearningRate: Double?

    /// Those for comparing `examples` texts, or pairs of texts, in batches of `batchSize`: for pairs, which are as many
    /// as are asked for, SetFit's; for texts, enough passes.
    init(contrasting examples: Int, loss: ContrastiveLoss, batchSize: Int) {
        let perEpoch = Self.stepsPerEpoch(examples, batchSize)
        epochs = loss == .pairs ? 1 : max(1, (Self.contrastiveSteps + perEpoch - 1) / perEpoch)
        learningRate = Self.contrastiveRate
    }

    /// The size of a step of `examples` texts, or pairs of texts, that are compared.
    static func contrastiveBatch(_ examples: Int, loss: ContrastiveLoss) -> Int {
        switch loss {
        case .supervised: min(examples, mostContrasted)
        case .pairs: pairsOfStep
        case .fastfit: min(examples, tokenContrasted)
        }
    }

    private init(epochs: Int, learningRate: Double) {
        self.epochs = epochs
        self.learningRate = learningRate
    }

    /// Those for `examples` examples in batches of `batchSize`, both at least 1.
    ///
    /// - Parameters:
    ///   - isSmallTagger: Whether a small model learns tags of words.
    ///   - adapter: What learns in place of the encoder; nil for nothing.
    init(examples: Int, batchSize: Int, isSmallTagger: Bool = false, adapter: LowRankAdapter? = nil) {
        let perEpoch = Self.stepsPerEpoch(examples, batchSize)
        let least = Self.leastSteps * (adapter == nil ? 1 : Self.adapterSteps)
        let steps = isSmallTagger ? max(least, Self.leastTaggingSteps) : least
        let needed = min(Self.mostEpochs, (steps + perEpoch - 1) / perEpoch)
        self = needed > Self.usual.epochs ? Self(epochs: needed, learningRate: Self.higherRate) : Self.usual
        if let adapter {
            headLearningRate = isSmallTagger ? Self.taggingRate : learningRate
            learningRate = Self.rounded(learningRate * Self.factor(of: adapter))
        } else if isSmallTagger {
            learningRate = Self.taggingRate
        }
    }

    /// The larger the scale, the lower the rate.
    private static func factor(of adapter: LowRankAdapter) -> Double {
        let factor = adapterFactor * (AdapterSelection.usualScale / adapter.scale).squareRoot()
        return min(max(factor, leastAdapterFactor), adapterFactor)
    }

    /// To two digits, as it is shown.
    private static func rounded(_ rate: Double) -> Double { Double(String(format: "%.1e", rate)) ?? rate }

    private static func stepsPerEpoch(_ examples: Int, _ batchSize: Int) -> Int {
        max(1, examples / batchSize + (examples % batchSize == 0 ? 0 : 1))
    }

    /// Puts the defaults into a configuration that leaves its epochs or its rate to the run; a line that says what was
    /// chosen, or nil where options have decided on both.
    ///
    /// - Parameters:
    ///   - taggingWidth: The width of the encoder where the words of the examples have tags.
    ///   - adapter: What learns in place of the encoder; nil for nothing.
    static func apply(
        to run: inout RunConfiguration, examples: Int, taggingWidth: Int? = nil, adapter: LowRankAdapter? = nil
    ) -> String? {
        guard examples > 0 else { return nil }
        let isContrastive = run.method == .contrastive
        if run.choosesBatch {
            run.batchSize = max(run.workers, contrastiveBatch(examples, loss: run.contrastiveLoss))
            run.choosesBatch = false
        }
        guard run.choosesEpochs || run.choosesRate else { return nil }
        let isSmallTagger = taggingWidth.map { $0 < wide } ?? false
        var chosen = TrainingDefaults(
            examples: examples, batchSize: run.batchSize, isSmallTagger: isSmallTagger, adapter: adapter)
        if run.fromScratch { chosen.learningRate = scratchRate }
        if isContrastive {
            chosen = TrainingDefaults(contrasting: examples, loss: run.contrastiveLoss, batchSize: run.batchSize)
        }
        let (what, options): (String, String)
        switch (run.choosesEpochs, run.choosesRate) {
        case (true, true): (what, options) = ("chosen", "--epochs, --learning-rate")
        case (true, false): (what, options) = ("the epochs are chosen", "--epochs")
        default: (what, options) = ("the rate is chosen", "--learning-rate")
        }
        if run.choosesEpochs { (run.epochs, run.steps) = (chosen.epochs, nil) }
        if run.choosesRate {
            run.learningRate = chosen.learningRate
            run.headLearningRate = run.headLearningRate ?? chosen.headLearningRate
        }
        (run.choosesEpochs, run.choosesRate) = (false, false)
        let perEpoch = plural(stepsPerEpoch(examples, run.batchSize), "step")
        let length = run.steps.map { plural($0, "step") } ?? "\(plural(run.epochs ?? 1, "epoch")) of \(perEpoch)"
        let head = run.headLearningRate.map { ", of the head \(shown($0))" } ?? ""
        return "\(length) at a learning rate of \(shown(run.learningRate))\(head) "
            + "(\(what) for \(plural(examples, isContrastive && run.contrastiveLoss == .pairs ? "pair" : "example"))\(isSmallTagger ? " with tags" : "")"
            + "\(adapter == nil ? "" : " and an adapter"); \(options) to change)"
    }

    /// A rate as people write it: "5e-5".
    static func shown(_ rate: Double) -> String {
        let text = String(format: "%.1e", rate)
        return text.replacing(".0e", with: "e").replacing("e-0", with: "e-").replacing("e+0", with: "e")
    }
}
