/// What turns a head's outputs and the targets into a loss and its gradient.
///
/// An objective is one file, and one line in ``Objectives``. The value is its configuration, which travels to the
/// workers. The engine calls it once for each micro-batch, or for each step: see ``scope``.
public protocol Objective: Sendable, Codable {
    /// Its name in JSON.
    static var kind: String { get }
    /// What ``evaluate(_:_:withGradient:)`` is given at once: a micro-batch, unless a type says otherwise.
    static var scope: LossScope { get }
    /// How often each sequence of a micro-batch is computed to be learnt from, with other dropout masks each time: 1 or
    /// 2. ``evaluate(_:_:withGradient:)`` is given the rows of the first pass, then those of the second, with targets
    /// for both. An evaluation has one.
    var passes: Int { get }

    /// Checks the bounds of the configuration, which may come from outside, and that the head's outputs suit it.
    func validate(head: any Head) throws(ModelError)
    /// Checks that these are targets that it can learn from.
    func validate(_ targets: Targets) throws(ModelError)
    /// How much a micro-batch counts, at least 0: the sum over the step's micro-batches, in their order, divides the
    /// summed gradient. The number of sequences for a loss of sequences, of target tokens for one of tokens, the summed
    /// weights where classes have weights.
    func weight(of targets: Targets) -> Double
    /// The summed loss of a micro-batch, or of a step, in double precision.
    ///
    /// - Parameter withGradient: Whether the gradient of the sum is to be written to `outputs.gradient`.
    func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double
    /// The loss of each target in an evaluation, in double precision, without what training alone adds, such as label
    /// smoothing: one for each row of outputs; of a token of which nothing is to be learnt it does not count. A row
    /// whose outputs are not finite has a loss that is not. The outputs are those of a micro-batch, whatever ``scope``
    /// says.
    func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double]
}

extension Objective {
    /// A micro-batch.
    public static var scope: LossScope { .microBatch }
    /// Once.
    public var passes: Int { 1 }
}

/// What a loss is computed from.
public enum LossScope: Sendable {
    /// The samples of a micro-batch; a step's loss is the sum over its micro-batches.
    case microBatch
    /// All samples of a step, in the order of the micro-batches: contrastive losses, for which the other samples are
    /// the negatives. It costs a second forward pass.
    case step
}
