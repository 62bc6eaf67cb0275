import Support
import Modeling
import Training

extension Welcome {
    /// What the workers of a phase must know.
    ///
    /// - Parameters:
    ///   - weightCount: Floats of the weights, with alignment gaps.
    ///   - firstStep: The step of the run at which the phase begins.
    init(
        _ run: RunConfiguration, _ phase: Phase, model: ModelSpecification, weightCount: Int, firstStep: Int,
        runID: String
    ) throws {
        self.init(
            // The same text for the same value: a worker compares it when its coordinator comes back.
            modelSpecification: model.json(),
            hyperparameters: String(decoding: try StableJSON.line(phase.hyperparameters), as: UTF8.self),
            seed: run.seed, weightCount: weightCount, firstStep: UInt64(firstStep),
            heartbeatTimeout: run.heartbeatTimeout,
            orphanTimeout: run.orphanTimeout, runID: runID, wire: run.wire, compressesWire: run.compressWire)
    }
}
