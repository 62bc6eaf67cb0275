import Inference
import Modeling

/// What the outputs that a phase collects are for: from them comes the state with which the next phase begins.
protocol OutputUse: Sendable {
    /// The texts whose outputs are collected.
    var source: WindowedTexts { get }
    /// A line about what is collected.
    var notice: String { get }

    /// Computes what comes of them.
    ///
    /// - Parameters:
    ///   - part: The outputs of ``source``.
    ///   - state: The state of the phase in which they were collected.
    /// - Throws: An error if the outputs, or the state, are those of something else.
    func solve(
        _ part: EvaluationPart, _ phases: [PhasePlan], _ layouts: [ParameterLayout], _ state: LoadedState
    ) throws -> FewShotSolution
}

extension OutputUse {
    /// The outputs of ``source`` that a phase has collected.
    ///
    /// - Parameter phase: The number of the phase in which they were to be collected; another one follows it.
    /// - Throws: An error if they, or the state, are those of something else.
    func collected(
        _ part: EvaluationPart, in phase: Int, of phases: [PhasePlan], _ state: LoadedState
    ) throws(RunError) -> CollectedOutputs {
        guard let collected = part.metrics as? CollectedOutputs, part.losses.count == source.count,
            state.phase == phase, phases.count > phase + 1
        else { throw .failed("the outputs that were collected are not those of the run's texts") }
        return collected
    }
}
