import Foundation
import Testing

@testable import Cluster

/// `shoal train` without a method, on a small set.
@Suite(.serialized) struct AutomaticMethodTests {
    private func run(
        _ world: TinyWorld, _ output: String, _ more: [String] = [], command: String = "train"
    ) throws -> (code: Int32?, process: ShoalProcess) {
        try ShoalProcess.run(
            [
                command, "--model", world.path("model"), "--train", world.path("train.csv"), "--test",
                world.path("test.csv"), "--output", world.path(output),
            ] + more, in: world.folder)
    }

    private func yaml(_ world: TinyWorld, _ output: String) throws -> String {
        try String(contentsOfFile: world.path("\(output)/run.yaml"), encoding: .utf8)
    }

    private func sha(_ world: TinyWorld, _ output: String) throws -> String {
        let data = try Data(contentsOf: URL(fileURLWithPath: world.path("\(output)/result.json")))
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return try #require(json["weights_sha256"] as? String)
    }

    @Test func `few examples make a probe, and options of steps a fine-tuned model`() throws {
        let world = try TinyWorld()
        let (code, process) = try run(world, "auto")
        #expect(code == 0 && process.errors.contains("method: probe, since there are 52 labelled texts of 3 classes"))
        #expect(try yaml(world, "auto").contains("method: probe"))
        #expect(try run(world, "probe", ["--method", "probe", "--workers", "3"]).code == 0)
        #expect(try sha(world, "auto") == sha(world, "probe"))
        for (name, options) in [("steps", ["--steps", "2"]), ("rate", ["--learning-rate", "1e-3", "--epochs", "1"])] {
            let (code, process) = try run(world, name, options)
            #expect(code == 0 && !process.errors.contains("method:"))
            #expect(try yaml(world, name).contains("method: finetune"))
        }
        // Going on from a classifier on embeddings is to train it.
        let (tuned, _) = try ShoalProcess.run(
            [
                "train", "--model", world.path("auto/model"), "--train", world.path("train.csv"), "--output",
                world.path("tuned"),
            ], in: world.folder)
        #expect(tuned == 0)
        #expect(try yaml(world, "tuned").contains("method: finetune"))
    }

    @Test(.timeLimit(.minutes(10))) func `methods are compared in time, and trials that are done are kept`() throws {
        let world = try TinyWorld()
        let (code, process) = try run(world, "run", ["--budget", "1h"])
        #expect(code == 0, "\(process.errors)")
        let trials = try FileManager.default.contentsOfDirectory(atPath: world.path("run/trials")).sorted()
        #expect(trials.count >= 6 && trials.contains("probe-fold-1") && trials.contains("probe-half-fold-3"))
        for trial in trials {
            #expect(world.exists("run/trials/\(trial)/outcome.json") && !world.exists("run/trials/\(trial)/run"))
        }
        let chosen = try yaml(world, "run")
        #expect(!chosen.contains("budget") && !chosen.contains("method: auto"))
        // The same command after a kill: all that is left are trials, of which one was not done.
        let outcome = try Data(contentsOf: URL(fileURLWithPath: world.path("run/trials/probe-fold-1/outcome.json")))
        for name in try FileManager.default.contentsOfDirectory(atPath: world.path("run")) where name != "trials" {
            if name == "result.json" {
                try FileManager.default.copyItem(atPath: world.path("run/\(name)"), toPath: world.path("first.json"))
            }
            try FileManager.default.removeItem(atPath: world.path("run/\(name)"))
        }
        try FileManager.default.removeItem(atPath: world.path("run/trials/probe-fold-2/outcome.json"))
        let (again, second) = try run(world, "run", ["--budget", "1h", "--workers", "2"])
        #expect(again == 0, "\(second.errors)")
        #expect(second.errors.contains("tried probe, fold 2 of 3: "))
        #expect(second.errors.contains("tried before: probe, fold 1 of 3: "))
        #expect(!second.errors.contains("tried probe, fold 1 of 3"))
        let kept = try Data(contentsOf: URL(fileURLWithPath: world.path("run/trials/probe-fold-1/outcome.json")))
        #expect(kept == outcome)
        #expect(try yaml(world, "run").contains(chosen.contains("method: probe") ? "method: probe" : "method: "))
        let first = try String(contentsOfFile: world.path("first.json"), encoding: .utf8)
        #expect(first.contains(try sha(world, "run")))
    }

    @Test func `a budget that allows nothing says so, and the probe is taken`() throws {
        let world = try TinyWorld()
        let (code, process) = try run(world, "run", ["--budget", "1s"])
        #expect(code == 0, "\(process.errors)")
        #expect(process.errors.contains("the probe is taken: cross-validation would take longer than --budget 1s"))
        #expect(!process.errors.contains("fold 3 of 3"))
        #expect(try yaml(world, "run").contains("method: probe"))
    }

    @Test func `what does not fit is refused by name`() throws {
        let world = try TinyWorld()
        try world.write("labels.csv", "label,description\nfish,cod\n")
        func refused(_ more: [String], _ culprits: [String], command: String = "train") throws {
            let (code, process) = try run(world, "out", more, command: command)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        try refused(["--budget", "10"], ["--budget", "10m"])
        try refused(["--budget", "10m", "--method", "probe"], ["--budget", "auto"])
        try refused(["--budget", "10m", "--steps", "3"], ["--budget", "leave it out"])
        try refused(["--labels", world.path("labels.csv"), "--steps", "3"], ["--steps", "--labels", "--method"])
        try refused(
            ["--budget", "10m", "--bind", "ipc://\(world.path("s"))"], ["--budget", "train"], command: "coordinator")
    }
}
