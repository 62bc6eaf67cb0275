import Support
import Modeling

extension Welcome {
    /// What the workers of a run must know.
    ///
    /// - Parameter weightCount: Floats of the weights, with alignment gaps.
    init(_ run: RunConfiguration, model: ModelSpecification, weightCount: Int, runID: String) throws {
        self.init(
            // The same text for the same value: a worker compares it when its coordinator comes back.
            modelSpecification: model.json(),
            hyperparameters: String(decoding: try StableJSON.line(run.hyperparameters), as: UTF8.self),
            seed: run.seed, weightCount: weightCount, heartbeatTimeout: run.heartbeatTimeout,
            orphanTimeout: run.orphanTimeout, runID: runID, wire: run.wire, compressesWire: run.compressWire)
    }
}
