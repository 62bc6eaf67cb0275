import Foundation
import Testing
import Training

@testable import Cluster

/// Runs in which an encoder learns before, or after, a classifier is computed from embeddings, with real computing.
@Suite(.serialized) struct ContrastiveRunTests {
    private enum Way: String, CaseIterable {
        case supervised, pairs, headFirst, fastfit, fastfitNames

        var recipe: any Recipe { self == .headFirst ? FineTuning() : Contrastive() }

        func set(_ run: inout RunConfiguration, _ world: TinyWorld) {
            (run.epochs, run.steps) = (nil, 6)
            switch self {
            case .supervised:
                run.method = .contrastive
                run.labels = world.path("labels.csv")
            case .pairs: (run.method, run.contrastiveLoss, run.pairsPerText) = (.contrastive, .pairs, 2)
            case .fastfit:
                (run.method, run.contrastiveLoss, run.labels) = (.contrastive, .fastfit, world.path("labels.csv"))
            case .fastfitNames: (run.method, run.contrastiveLoss) = (.contrastive, .fastfit)
            case .headFirst: (run.headFirst, run.learningRate) = (true, 2e-4)
            }
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Way.allCases)
    private func `workers, kills and resuming do not change a bit`(_ way: Way) async throws {
        let world = try TinyWorld()
        try world.write("labels.csv", "label,description\nfish,cod and eel\nfruit,fig plum pear\n")
        let first = try await TinyRun.requireSameBits(world, way.recipe) { way.set(&$0, world) }
        #expect(first.steps == 6)
        let accuracy = try #require(first.test?.metrics.values.first { $0.kind.key == "accuracy" }).value
        #expect(accuracy > 0.6, "\(accuracy)")
        let collecting = try await TinyRun.run(
            world, way.recipe, "collecting", workers: 2, killsInCollection: true
        ) { way.set(&$0, world) }
        #expect(collecting.weightsSHA256 == first.weightsSHA256)
        for round in 1...3 {
            let solving = try await TinyRun.run(
                world, way.recipe, "solving\(round)", workers: 3, killsAfterCollection: true
            ) { way.set(&$0, world) }
            #expect(solving.weightsSHA256 == first.weightsSHA256)
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
            { ($0.method, $0.contrastiveLoss) = (.contrastive, .fastfit) },
            { ($0.method, $0.contrastiveLoss, $0.contrastiveTemperature) = (.contrastive, .fastfit, 0.5) },
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
        let tokens = contrastive + ["--contrastive-loss", "fastfit"]
        try refused(tokens + ["--pairs-per-text", "3"], ["--pairs-per-text", "pairs"])
        try refused(tokens + ["--batch-size", "5000"], ["--batch-size", "5000", "fastfit", "--max-length"])
        try refused(contrastive + ["--lora", "rank=2"], ["--lora"])
        try refused(["--head-first", "--lora", "rank=2"], ["--lora"])
        try refused(["--head-first", "--labels", world.path("single.csv")], ["--head-first", "--labels", "--method"])
    }
}
