import Modeling
import Support
import Training

extension StateShape {
    /// The vectors of this layout, with alignment gaps.
    init(_ layout: ParameterLayout) { self.init(weights: layout.count, moments: layout.trainableCount) }
}

extension Welcome {
    /// What the workers of a phase must know.
    ///
    /// - Parameters:
    ///   - layout: Of the model's weights.
    ///   - firstStep: The step of the run at which the phase begins.
    init(
        _ run: RunConfiguration, _ phase: Phase, model: ModelSpecification, layout: ParameterLayout, firstStep: Int,
        runID: String
    ) throws {
        self.init(
            // The same text for the same value: a worker compares it when its coordinator comes back.
            modelSpecification: model.json(),
            hyperparameters: String(decoding: try StableJSON.line(phase.hyperparameters), as: UTF8.self),
            seed: run.seed, shape: StateShape(layout), firstStep: UInt64(firstStep),
            heartbeatTimeout: run.heartbeatTimeout,
            orphanTimeout: run.orphanTimeout, runID: runID, wire: run.wire, compressesWire: run.compressWire)
    }
}
