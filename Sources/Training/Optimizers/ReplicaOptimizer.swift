import Modeling
import Numerics

/// The moments of a replica's trained weights, and the steps that have been taken on both.
final class ReplicaOptimizer {
    /// The first moment (of SGD the velocity), as long as what is trained.
    let firstMoment: FloatBuffer
    /// The second moment, as long.
    let secondMoment: FloatBuffer
    /// The mean of the weights; nil where they are not averaged.
    let averaged: AveragedWeights?
    /// The optimizer steps behind the weights.
    private(set) var appliedSteps: UInt64 = 0

    private let weights: ModelWeights
    private let firstStep: UInt64
    private let count: Int
    private var optimizer: FlatOptimizer

    /// Zero moments for `weights` that are laid out as `layout` says.
    ///
    /// - Parameters:
    ///   - decay: Puts each tensor into its rate group; nil for one group.
    ///   - averagedAfter: The steps of the phase after which weights are averaged; nil for no averaging.
    ///   - firstStep: The step of the run at which the phase begins.
    init(
        weights: ModelWeights, layout: ParameterLayout, decay: LayerDecay?, averagedAfter: Int? = nil,
        firstStep: UInt64 = 0
    ) {
        self.weights = weights
        self.firstStep = firstStep
        averaged = averagedAfter.map { AveragedWeights(weights, trained: layout.trainableCount, after: $0) }
        count = layout.trainableCount
        // Small pages: most rows of the word embedding never have a gradient, and their moments stay untouched.
        firstMoment = FloatBuffer(count: layout.trainableCount, isSparse: true)
        secondMoment = FloatBuffer(count: layout.trainableCount, isSparse: true)
        func segment(_ parameter: Parameter) -> ParameterSegment {
            ParameterSegment(
                offset: parameter.offset, count: parameter.count, hasWeightDecay: parameter.hasWeightDecay,
                rateGroup: decay?.distance(of: parameter.id.part) ?? 0)
        }
        optimizer = FlatOptimizer(
            segments: layout.trainable.filter { $0 != layout.rowTable }.map(segment),
            table: layout.rowTable.map(segment), rowWidth: layout.rowTable?.rowWidth ?? 1)
    }

    /// To be called after weights and moments have been replaced.
    func restored(appliedSteps steps: UInt64) {
        appliedSteps = steps
        averaged?.restored(steps: stepsOfPhase)
        optimizer.inspectMoments(of: state)
        weights.updateRoundedCopy()
    }

    /// The optimizer steps of the phase.
    var stepsOfPhase: UInt64 { appliedSteps - min(firstStep, appliedSteps) }

    private var state: OptimizerState {
        OptimizerState(weights: weights.master.pointer, first: firstMoment.pointer, second: secondMoment.pointer)
    }

    /// Takes `step` with the flat `gradient`, whose embedding rows are `rows`, on all threads of `team`.
    func apply(_ step: OptimizerStep, gradient: UnsafePointer<Float>, rows: [Int32], on team: ThreadTeam) {
        precondition(averaged?.changes(toShown: false) != true, "a step is taken on the weights, not on their mean")
        optimizer.activate(rows)
        let adding = averaged?.stepped(stepsOfPhase + 1)
        // The threads use it until they have all returned; see `Contribution`.
        let gradient = Contribution(node: TreeNode(level: 0, index: 0), base: gradient)
        let (optimizer, state, weights, count, threads) = (optimizer, state, weights, count, team.count)
        team.run { thread in
            let range = (thread * count / threads)..<((thread + 1) * count / threads)
            optimizer.apply(step, to: state, gradient: gradient.base, rows: rows, in: range)
            weights.updateRoundedCopy(range)
            adding?.add(range)
        }
        appliedSteps += 1
    }
}
