import Foundation
import Testing

@testable import Checkpoint
@testable import Cluster

/// Runs whose weights are averaged over their last steps, with real computing.
@Suite(.serialized) struct AveragedWeightsRunTests {
    enum Way: String, CaseIterable {
        case finetune, contrastive, headFirst

        var recipe: any Recipe { self == .contrastive ? Contrastive() : FineTuning() }

        func set(_ run: inout RunConfiguration) {
            (run.epochs, run.steps) = (nil, 8)
            // After 4 of 8 steps: the checkpoints after 2 and 4 have no mean, those after 6 and 8 have one.
            run.averageWeights = 0.5
            switch self {
            case .finetune: break
            case .contrastive: run.method = .contrastive
            case .headFirst: (run.headFirst, run.learningRate) = (true, 1e-3)
            }
        }
    }

    /// The tensors of a checkpoint's optimizer.safetensors that hold weights.
    private func lastWeights(_ checkpoint: CheckpointFolder) throws -> [String] {
        try checkpoint.openOptimizer().names.filter { $0.hasPrefix("last_weights.") }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Way.allCases)
    func `workers, kills and resuming do not change a bit`(_ way: Way) async throws {
        let world = try TinyWorld()
        // Killed while there is a mean, which the worker that comes back is sent.
        let first = try await TinyRun.requireSameBits(world, way.recipe, killing: 6) { way.set(&$0) }
        let accuracy = try #require(first.test?.metrics.values.first { $0.kind.key == "accuracy" }).value
        let (code, process) = try ShoalProcess.run(
            ["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv")], in: world.folder)
        #expect(code == 0 && process.output.contains(String(format: "%.4f", accuracy)), "\(process.output)")
        // Those of the states that were kept, which follow how fast the disk is.
        let kept = try CheckpointFolder.list(in: world.path("w1")).map(\.step)
        #expect(kept.contains { $0 > 4 })
        for step in kept {
            let folder = CheckpointFolder(runDirectory: world.path("w1"), step: step)
            #expect(try folder.loadState().averagedSteps == (step > 4 ? step - 4 : nil))
            #expect(try lastWeights(folder).isEmpty == (step <= 4))
        }
    }

    @Test func `what is written is the mean of the last steps`() async throws {
        let world = try TinyWorld()
        func run(_ output: String, steps: Int, share: Double?) async throws -> RunResult {
            try await TinyRun.run(world, FineTuning(), output, workers: 1) {
                ($0.epochs, $0.steps, $0.averageWeights) = (nil, steps, share)
                ($0.schedule, $0.warmup) = (.constant, .none)
            }
        }
        func classifier(_ output: String) throws -> [Float] {
            let file = try SafetensorsFile(path: world.path("\(output)/model/model.safetensors"))
            let name = try #require(file.names.first { $0.hasSuffix("classifier.weight") })
            var values = [Float](repeating: 0, count: file.shape(of: name)?.reduce(1, *) ?? 0)
            try values.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
            return values
        }
        let plain = try await run("fourth", steps: 4, share: nil)
        _ = try await run("third", steps: 3, share: nil)
        let half = try await run("half", steps: 4, share: 0.5)
        let one = try await run("one", steps: 4, share: 0.01)
        // A mean of one step is that step.
        #expect(one.weightsSHA256 == plain.weightsSHA256)
        #expect(half.weightsSHA256 != plain.weightsSHA256)
        let (third, fourth, mean) = (try classifier("third"), try classifier("fourth"), try classifier("half"))
        #expect(!mean.isEmpty && third != fourth)
        for i in mean.indices { #expect(abs(mean[i] - (third[i] + fourth[i]) / 2) < 1e-6) }
    }

    @Test func `a validation sees the mean, and the best state is kept with it`() async throws {
        let world = try TinyWorld()
        var found: Set<String> = []
        for workers in [1, 3] {
            let result = try await TinyRun.run(world, FineTuning(), "w\(workers)", workers: workers) {
                ($0.epochs, $0.keep, $0.validation) = (4, .best, world.path("validation.csv"))
                $0.averageWeights = 0.6
            }
            found.insert(result.weightsSHA256)
        }
        #expect(found.count == 1)
        let log = try world.jsonLines("w1/metrics.jsonl").filter { $0["evaluation"] as? String == "validation" }
        let last = try #require(log.last?["loss"] as? Double)
        // The state after the last step, read as a model.
        let folders = try FileManager.default.contentsOfDirectory(atPath: world.path("w1/checkpoints"))
            .filter { $0.hasPrefix("step-") }.sorted()
        let folder = try #require(folders.last)
        let (code, process) = try ShoalProcess.run(
            [
                "evaluate", "--model", world.path("w1/checkpoints/\(folder)"), "--data", world.path("validation.csv"),
                "--json",
            ], in: world.folder)
        #expect(code == 0, "\(process.errors)")
        let json = try JSONSerialization.jsonObject(with: Data(process.output.utf8)) as? [String: Any]
        let loss = try #require((json?["loss"] ?? (json?["metrics"] as? [String: Any])?["loss"]) as? Double)
        #expect(abs(loss - last) < 1e-4)
    }

    @Test func `what does not fit is refused by name`() async throws {
        let world = try TinyWorld()
        func refused(_ more: [String], _ culprits: [String]) throws {
            let (code, process) = try ShoalProcess.run(world.train("out") + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        try refused(["--average-weights", "0"], ["--average-weights", "above 0"])
        try refused(["--average-weights", "1.5"], ["--average-weights", "at most 1"])
        let (code, process) = try ShoalProcess.run(
            [
                "train", "--model", world.path("model"), "--train", world.path("train.csv"), "--output",
                world.path("out"), "--method", "probe", "--average-weights", "0.5",
            ], in: world.folder)
        #expect(code != 0 && process.failure?.contains("--average-weights") == true, "\(process.errors)")

        // A run that is made longer would average over other steps than it has.
        let run = world.train("longer", ["--steps", "4", "--average-weights", "0.5"])
        #expect(try ShoalProcess.run(run, in: world.folder).code == 0)
        let (resumed, longer) = try ShoalProcess.run(
            ["resume", world.path("longer"), "--steps", "8"], in: world.folder)
        #expect(resumed != 0 && longer.failure?.contains("--average-weights") == true, "\(longer.errors)")
    }
}
