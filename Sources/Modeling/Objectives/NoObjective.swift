/// Nothing is learnt: for models whose outputs are collected.
public struct NoObjective: Objective {
    /// See ``Objective``.
    public static let kind = "none"

    /// It has no settings.
    public init() {}

    /// Every head will do.
    public func validate(head: any Head) throws(ModelError) {}
    /// Any.
    public func validate(_ targets: Targets) throws(ModelError) {}
    /// 0.
    public func weight(of targets: Targets) -> Double { 0 }

    /// 0, with a gradient of zeros.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        if withGradient { outputs.gradient.update(repeating: 0, count: outputs.rows * outputs.width) }
        return 0
    }

    /// 0 for each row whose outputs are finite.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        (0..<outputs.rows).map { outputs.row($0).allSatisfy(\.isFinite) ? 0 : .nan }
    }
}
