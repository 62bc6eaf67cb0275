import Foundation

/// How long the learning rate rises from 0 at the start of a run.
public enum Warmup: Sendable, Equatable {
    /// For this many steps.
    case steps(Int)
    /// For this share of all steps, in [0, 1), rounded up to a whole step.
    case fraction(Double)

    /// No warmup.
    public static let none = Warmup.steps(0)

    /// The steps of warmup in a run of `totalSteps`.
    public func steps(of totalSteps: Int) -> Int {
        switch self {
        case .steps(let steps): steps
        case .fraction(let share): Int((share * Double(totalSteps)).rounded(.up))
        }
    }

    /// A tenth of the steps in place of a warmup that would cover all `totalSteps` of a run, at the end of which the
    /// rate would not have been reached, and of which the first step (the only one, perhaps) has rate 0. Nil where it
    /// covers fewer.
    public func shortened(for totalSteps: Int) -> Warmup? {
        totalSteps > 0 && steps(of: totalSteps) >= totalSteps ? .steps(totalSteps / 10) : nil
    }

    /// Reads "100" (steps), "0.1" or "10%" (a share of all steps).
    public init(parsing text: String) throws(TrainingError) {
        let value: Warmup?
        if let steps = Int(text) {
            value = .steps(steps)
        } else if text.hasSuffix("%"), let percent = Double(text.dropLast()) {
            value = .fraction(percent / 100)
        } else {
            value = Double(text).map { .fraction($0) }
        }
        guard let value, value.isValid else { throw Self.error(text) }
        self = value
    }

    var isValid: Bool {
        switch self {
        case .steps(let steps): steps >= 0
        case .fraction(let share): share >= 0 && share < 1
        }
    }

    static func error(_ value: String) -> TrainingError {
        .invalidOption("warmup", value: value, need: "a number of steps, or a share of all steps below 1 (0.1 or 10%)")
    }
}

extension Warmup: CustomStringConvertible {
    /// What ``init(parsing:)`` reads.
    public var description: String {
        switch self {
        case .steps(let steps): "\(steps)"
        case .fraction(let share): "\(share)"
        }
    }
}

extension Warmup: Codable {
    /// Reads a whole number (steps), another number (a share) or a text as for ``init(parsing:)``.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let steps = try? value.decode(Int.self) {
            // Some decoders take 0.0 for an integer: no steps is no share as well.
            self = .steps(steps)
        } else if let share = try? value.decode(Double.self) {
            self = .fraction(share)
        } else {
            self = try Warmup(parsing: try value.decode(String.self))
        }
        guard isValid else { throw Self.error(description) }
    }

    /// Writes a number.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .steps(let steps): try value.encode(steps)
        case .fraction(let share): try value.encode(share)
        }
    }
}
