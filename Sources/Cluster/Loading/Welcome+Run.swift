import Checkpoint
import Foundation

extension Welcome {
    /// What the workers of a run must know.
    ///
    /// - Parameter weightCount: Floats of the weights, with alignment gaps.
    init(_ run: RunConfiguration, model: BertConfiguration, weightCount: Int, runID: String) throws {
        self.init(
            modelConfiguration: try Self.sortedJSON(model), hyperparameters: try Self.sortedJSON(run.hyperparameters),
            seed: run.seed, weightCount: weightCount, heartbeatTimeout: run.heartbeatTimeout,
            orphanTimeout: run.orphanTimeout, runID: runID, wire: run.wire, compressesWire: run.compressWire)
    }

    /// The same text for the same value: a worker compares it when its coordinator comes back.
    private static func sortedJSON(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
