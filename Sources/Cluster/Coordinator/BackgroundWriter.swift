import Checkpoint
import Crypto
import Foundation
import Inference
import Modeling
import Numerics
import Support

/// Writes checkpoints and the model. That takes as long as the disk does: threads of its own do it, while the
/// coordinator's thread answers heartbeats.
struct BackgroundWriter: Sendable {
    let configuration: RunConfiguration
    /// The run directory.
    let path: String
    /// Where `model/` is written.
    let modelPath: String
    /// Gets what came of it.
    let inbox: Inbox<LoopInput>

    /// Writes the model from these weights, and the adapter beside it where the run has one.
    ///
    /// - Parameters:
    ///   - checkpoint: The newest checkpoint.
    ///   - threshold: From which probability on the model takes a text as having a label; nil where nothing is known.
    func writeModel(_ weights: FloatBuffer, of run: LoadedRun, checkpoint: String?, threshold: Double?) throws {
        var configuration = run.configuration
        configuration.threshold = threshold
        let tokenizer = tokenizerSource(orElse: checkpoint)
        let (specification, adapterPath, base) = (
            run.plan.phases[run.plan.phases.count - 1].model, self.path + "/adapter", self.configuration.model
        )
        let companion = try run.classifier.map { try $0.json() }
        configuration.companionSHA256 = companion.map {
            SHA256.hash(data: $0).map { String(format: "%02x", $0) }.joined()
        }
        let extra = companion.map { [PooledClassifier.fileName: $0] } ?? [:]
        let (model, layout, maxLength, path) = (
            configuration, run.layouts[run.layouts.count - 1], run.maxLength, modelPath
        )
        try inBackground {
            // Beside the adapter, the model with it merged.
            let merged = specification.adapter == nil ? weights : LowRankMerge.merged(weights, layout)
            try AdapterFolder.write(
                to: adapterPath, specification, layout, weights: weights, configuration: model, base: base)
            try withExtendedLifetime(merged) {
                try ModelFolder.write(
                    to: path, configuration: model,
                    tensors: WeightLoader.mergedTensors(of: merged, layout: layout, family: model.family),
                    tokenizerFrom: tokenizer, maxLength: maxLength, extraFiles: extra, replacing: true)
            }
            return .modelSaved(path: path, sha256: try weightsSHA256(safetensors: path + "/model.safetensors"))
        }
    }

    /// Writes a checkpoint from what was fetched.
    ///
    /// - Parameter checkpoint: The newest checkpoint.
    func writeCheckpoint(
        _ state: TrainingState, _ fetched: StateStore, of run: LoadedRun, checkpoint: String?
    ) throws {
        func buffer(_ part: StatePart) -> FloatBuffer? {
            run.plan.phases[state.phase].stateParts.contains(part) ? fetched.buffer(part) : nil
        }
        var model = run.configuration
        model.threshold = state.metrics[BestState.thresholdKey]
        model.adapter = run.plan.phases[state.phase].model.adapter
        let writer = CheckpointWriter(
            runDirectory: path, configuration: model, layout: run.layouts[state.phase],
            tokenizerSource: tokenizerSource(orElse: checkpoint), maxLength: run.maxLength, seed: configuration.seed,
            fingerprint: run.fingerprint, keep: configuration.keepCheckpoints,
            ranking: CheckpointRanking(run.plan.phases[state.phase].model.head.primaryMetric), state: state,
            weights: fetched.buffer(.weights),
            firstMoment: buffer(.firstMoment), secondMoment: buffer(.secondMoment),
            averagedSteps: run.plan.phases[state.phase].averagedSteps(after: state.appliedSteps),
            lastWeights: buffer(.lastWeights))
        let inbox = inbox
        try inBackground {
            let (path, problem) = try writer.write()
            if let problem { inbox.post(.warning(problem)) }
            return .checkpointSaved(path: path)
        }
    }

    /// Where the tokenizer's files are: a run that is resumed can do without the model that it began with.
    private func tokenizerSource(orElse checkpoint: String?) -> String {
        let model = configuration.model
        guard FileManager.default.fileExists(atPath: model) else { return checkpoint ?? model }
        return SentenceModules.transformerFolder(of: model)
    }

    private func inBackground(_ work: @escaping @Sendable () throws -> CoordinatorEvent) throws {
        let inbox = inbox
        try NamedThread.start("shoal-save") {
            // Of this thread (on Linux, 0 is the thread that calls): workers on this machine come first.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            do {
                inbox.post(.event(try work()))
            } catch {
                inbox.post(.event(.saveFailed("\(error)")))
            }
        }
    }
}
