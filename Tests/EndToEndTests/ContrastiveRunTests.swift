import Foundation
import Testing
import Training

@testable import Cluster

/// Runs in which an encoder learns before, or after, a classifier is computed from embeddings, with real computing.
@Suite(.serialized) struct ContrastiveRunTests {
    private enum Way: String, CaseIterable {
        case supervised, pairs, headFirst

        var recipe: any Recipe { self == .headFirst ? FineTuning() : Contrastive() }

        func set(_ run: inout RunConfiguration, _ world: TinyWorld) {
            (run.epochs, run.steps) = (nil, 6)
            switch self {
            case .supervised:
                run.method = .contrastive
                run.labels = world.path("labels.csv")
            case .pairs: (run.method, run.contrastiveLoss, run.pairsPerText) = (.contrastive, .pairs, 2)
            case .headFirst: (run.headFirst, run.learningRate) = (true, 2e-4)
            }
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Way.allCases)
    private func `workers, kills and resuming do not change a bit`(_ way: Way) async throws {
        let world = try TinyWorld()
        try world.write("labels.csv", "label,description\nfish,cod and eel\nfruit,fig plum pear\n")
        func run(
            _ output: String, _ workers: Int, killing step: Int? = nil, kills: Bool = false, resumes: Bool = false
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, way.recipe, output, workers: workers, killing: step, resumes: resumes, killsInCollection: kills
            ) { way.set(&$0, world) }
        }
        let first = try await run("w1", 1)
        #expect(first.steps == 6 && first.weightsSHA256.count == 64)
        let accuracy = try #require(first.test?.metrics.values.first { $0.kind.key == "accuracy" }).value
        #expect(accuracy > 0.6, "\(accuracy)")
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        #expect(try await run("killed", 3, killing: 3).weightsSHA256 == first.weightsSHA256)
        #expect(try await run("collecting", 2, kills: true).weightsSHA256 == first.weightsSHA256)
        // From the last checkpoint, and from one in the middle.
        for (output, workers, isLast) in [("w2", 3, true), ("w3", 1, false)] {
            let kept = try FileManager.default.contentsOfDirectory(atPath: world.path("\(output)/checkpoints"))
                .filter { $0.hasPrefix("step-") }.sorted()
            #expect(kept.count > 1)
            for file in ["result.json", "model"] + kept.dropFirst(isLast ? kept.count : 1).map({ "checkpoints/\($0)" })
            {
                try FileManager.default.removeItem(atPath: world.path("\(output)/\(file)"))
            }
            let resumed = try await run(output, workers, resumes: true)
            #expect(resumed.weightsSHA256 == first.weightsSHA256, "\(output) resumed")
            #expect(resumed.test?.metrics == first.test?.metrics)
        }
        let (code, process) = try ShoalProcess.run(
            ["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv")], in: world.folder)
        #expect(code == 0 && process.output.contains(String(format: "%.4f", accuracy)), "\(process.output)")
    }

    @Test func `the encoder learns, and other settings make other weights`() async throws {
        let world = try TinyWorld()
        var found: Set<String> = []
        let changes: [(inout RunConfiguration) -> Void] = [
            { $0.method = .probe }, { $0.method = .contrastive },
            { ($0.method, $0.contrastiveTemperature) = (.contrastive, 0.5) },
            { ($0.method, $0.contrastiveLoss) = (.contrastive, .pairs) },
            { $0.headFirst = true }, { _ in },
        ]
        for (number, change) in changes.enumerated() {
            var asked = RunConfiguration.standard
            change(&asked)
            let result = try await TinyRun.run(world, Recipes.recipe(asked.method), "run\(number)", workers: 1) {
                change(&$0)
                if $0.method != .probe { ($0.epochs, $0.steps) = (nil, 3) }
            }
            found.insert(result.weightsSHA256)
        }
        #expect(found.count == changes.count)
    }

    @Test func `what does not fit is refused by name`() throws {
        let world = try TinyWorld()
        try world.write("single.csv", "label,text\nfish,cod\nfruit,fig\n")
        func refused(_ more: [String], _ culprits: [String]) throws {
            let arguments = [
                "train", "--model", world.path("model"), "--train", world.path("train.csv"), "--output",
                world.path("out"),
            ]
            let (code, process) = try ShoalProcess.run(arguments + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        let contrastive = ["--method", "contrastive"]
        try refused(contrastive + ["--train", world.path("single.csv")], ["single.csv", "a single text", "--labels"])
        try refused(contrastive + ["--label-smoothing", "0.1"], ["--label-smoothing", "contrastive"])
        try refused(contrastive + ["--head-first"], ["--head-first", "finetune"])
        try refused(["--contrastive-loss", "pairs"], ["--contrastive-loss", "contrastive"])
        try refused(
            contrastive + ["--contrastive-loss", "pairs", "--contrastive-temperature", "1"],
            ["--contrastive-temperature", "supervised"])
        try refused(contrastive + ["--pairs-per-text", "3"], ["--pairs-per-text", "pairs"])
        try refused(contrastive + ["--lora", "rank=2"], ["--lora"])
        try refused(["--head-first", "--lora", "rank=2"], ["--lora"])
        try refused(["--head-first", "--labels", world.path("single.csv")], ["--head-first", "--labels", "--method"])
    }
}
