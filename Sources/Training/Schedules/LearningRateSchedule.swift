import Foundation
import Support

/// The shape of the learning rate after warmup.
public enum ScheduleKind: String, Sendable, Codable, CaseIterable {
    /// Is reduced when the validation loss stops falling; see ``PlateauState``.
    case plateau
    /// Falls in a straight line to 0 at the last step.
    case linear
    /// Falls along half a cosine to 0 at the last step.
    case cosine
    /// The same rate to the end.
    case constant
}

/// The settings of a ``LearningRateSchedule``.
public struct ScheduleSettings: Sendable, Codable, Equatable {
    /// The shape.
    public var kind: ScheduleKind
    /// The highest rate, reached at the end of warmup.
    public var learningRate: Double
    /// How long the rate rises from 0 first.
    public var warmup: Warmup
    /// The settings of the kind `plateau`; the others ignore them.
    public var plateau: PlateauSettings

    private enum CodingKeys: String, CodingKey {
        case kind, warmup, plateau
        case learningRate = "learning_rate"
    }

    /// Settings, without warmup unless it is given.
    public init(
        kind: ScheduleKind = .linear, learningRate: Double, warmup: Warmup = .none,
        plateau: PlateauSettings = PlateauSettings()
    ) {
        self.kind = kind
        self.learningRate = learningRate
        self.warmup = warmup
        self.plateau = plateau
    }

    /// Throws an error that names the first option that is out of range.
    public func validate() throws(TrainingError) {
        try Hyperparameters.check("learning-rate", learningRate, "a number above 0") { $0 > 0 }
        guard warmup.isValid else { throw Warmup.error(warmup.description) }
        if kind == .plateau { try plateau.validate() }
    }
}

/// The learning rate of every step of a run.
///
/// Without `plateau`, a pure function of the step, the same as `transformers`' `get_constant_schedule_with_warmup`,
/// `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup`. With warmup the very first step has rate
/// 0, as there.
public struct LearningRateSchedule: Sendable, Equatable {
    /// The settings it was made from.
    public let settings: ScheduleSettings
    /// The steps of the whole run.
    public let totalSteps: Int
    /// The steps over which the rate rises.
    public let warmupSteps: Int
    /// The state of the kind `plateau`; the others leave it as it is.
    public private(set) var plateau: PlateauState

    /// The schedule of a run of `totalSteps` at its start.
    public init(_ settings: ScheduleSettings, totalSteps: Int) {
        self.settings = settings
        self.totalSteps = totalSteps
        warmupSteps = settings.warmup.steps(of: totalSteps)
        plateau = PlateauState(rate: settings.learningRate)
    }

    /// The rate of `step`, from 0.
    public func rate(at step: Int) -> Double {
        if step < warmupSteps { return peak * Double(step) / Double(warmupSteps) }
        switch settings.kind {
        case .constant, .plateau: return peak
        case .linear: return peak * max(0, Double(totalSteps - step) / decaySteps)
        case .cosine:
            let progress = Double(step - warmupSteps) / decaySteps
            return peak * max(0, 0.5 * (1 + cos(.pi * progress)))
        }
    }

    /// Takes in the loss of an evaluation after `completedSteps` steps. Only `plateau` listens, and while the rate
    /// still rises it only remembers the best loss.
    public mutating func observe(loss: Double, completedSteps: Int) {
        guard settings.kind == .plateau else { return }
        if completedSteps < warmupSteps {
            plateau.observeDuringWarmup(loss, settings.plateau)
        } else {
            plateau.observe(loss, settings.plateau)
        }
    }

    /// What a checkpoint must keep, as finite numbers: empty unless the kind is `plateau`.
    public var state: [String: Double] { settings.kind == .plateau ? plateau.values : [:] }

    /// Goes on from a checkpoint's ``state``.
    ///
    /// - Throws: An error where the state is not that of this kind of schedule: nothing of it is passed over.
    public mutating func restore(_ state: [String: Double]) throws(TrainingError) {
        guard settings.kind == .plateau else {
            guard let key = state.keys.min() else { return }
            throw .unusableState(
                "the schedule's state has \"\(key.printable(limit: 40))\", which the schedule \(settings.kind.rawValue) "
                    + "does not have; resume with the schedule of the checkpoint, or from another one")
        }
        plateau = try PlateauState(values: state)
    }

    private var peak: Double { settings.kind == .plateau ? plateau.rate : settings.learningRate }

    private var decaySteps: Double { Double(max(1, totalSteps - warmupSteps)) }
}
