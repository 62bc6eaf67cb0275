import Checkpoint
import Foundation
import Testing

/// Which state of a run becomes its model.
@Suite(.serialized) struct BestStateTests {
    /// A run whose validation does not get better until the end.
    private func options(_ world: TinyWorld) -> [String] {
        [
            "--validation", world.path("validation.csv"), "--epochs", "60", "--schedule", "constant", "--learning-rate",
            "2e-2", "--seed", "5",
        ]
    }

    @Test func `the best state is tested and written, with the same bits for any number of workers`() throws {
        let world = try TinyWorld()
        let options = options(world) + ["--keep", "best"]
        for (output, workers) in [("one", "1"), ("three", "3")] {
            let run = try ShoalProcess.run(world.train(output, options + ["--workers", workers]), in: world.folder)
            try #require(run.code == 0, "\(run.process.errors)")
            #expect(run.process.errors.contains("the best by validation is step"), "\(run.process.errors)")
        }
        let (one, three) = (try world.json("one/result.json"), try world.json("three/result.json"))
        let step = try #require(one["model_step"] as? Int)
        let last = try #require(one["steps"] as? Int)
        try #require(step < last, "else this shows nothing")
        #expect(three["model_step"] as? Int == step)
        #expect(try world.weightsHash("one") == world.weightsHash("three"))
        #expect(try world.log("one") == world.log("three"))
        #expect((one["best_validation"] as? [String: Any])?["step"] as? Int == step)
        let best = CheckpointFolder(runDirectory: world.path("one"), step: step)
        #expect(try best.loadState().weightsSHA256 == world.weightsHash("one"))
        let newest = try #require(try CheckpointFolder.list(in: world.path("one")).first)
        #expect(newest.step == last, "the run can be continued")
        // What the test set gave is what the model gives.
        let evaluated = try ShoalProcess.run(
            ["evaluate", "--model", world.path("one/model"), "--data", world.path("test.csv"), "--json"],
            in: world.folder)
        #expect(evaluated.code == 0, "\(evaluated.process.errors)")
        let accuracy = try #require((one["test"] as? [String: Any])?["accuracy"] as? Double)
        let report = try JSONSerialization.jsonObject(with: Data(evaluated.process.output.utf8)) as? [String: Any]
        #expect(report?["accuracy"] as? Double == accuracy, "\(evaluated.process.output)")
        let calm = try ShoalProcess.run(world.train("last", self.options(world)), in: world.folder)
        #expect(calm.code == 0)
        let lines = "the best by validation was step \(step)"
        #expect(calm.process.errors.contains(lines), "\(calm.process.errors)")
        #expect(calm.process.errors.contains("--keep best writes"), "\(calm.process.errors)")
        #expect(try world.json("last/result.json")["model_step"] as? Int == last)
    }

    @Test func `after workers and coordinator are killed it is the same state`() throws {
        let world = try TinyWorld()
        let options = options(world) + ["--keep", "best", "--checkpoint-every", "11"]
        let calm = try ShoalProcess.run(world.train("calm", options + ["--workers", "2"]), in: world.folder)
        #expect(calm.code == 0, "\(calm.process.errors)")
        let run = try ShoalProcess(world.train("run", options + ["--workers", "2"]), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 40 }, "\(run.errors)")
        if let child = run.children.first { kill(child, SIGKILL) }
        try #require(eventually(seconds: 60) { world.steps("run") > 90 }, "\(run.errors)")
        for pid in run.children + [run.process.processIdentifier] { kill(pid, SIGKILL) }
        run.wait(seconds: 5)
        let resumed = try ShoalProcess.run(["resume", world.path("run"), "--workers", "3"], in: world.folder)
        #expect(resumed.code == 0, "\(resumed.process.errors)")
        #expect(try world.weightsHash("run") == world.weightsHash("calm"))
        #expect(try world.log("run") == world.log("calm"))
        // What is complete with the best state can be trained on from the last.
        let longer = try ShoalProcess.run(["resume", world.path("run"), "--epochs", "61"], in: world.folder)
        #expect(longer.code == 0, "\(longer.process.errors)")
        #expect(try world.json("run/result.json")["steps"] as? Int == 183)
    }

    @Test func `there must be a set to compare states on`() throws {
        let world = try TinyWorld()
        let run = try ShoalProcess.run(world.train("run", ["--keep", "best"]), in: world.folder)
        #expect(run.code == 64)
        #expect(run.process.failure?.contains("give a --validation file") == true, "\(run.process.errors)")
        let wrong = try ShoalProcess.run(world.train("run", ["--keep", "first"]), in: world.folder)
        #expect(wrong.process.failure?.contains("--keep is first, but must be best or last") == true)
    }

    @Test func `no checkpoint is kept where none is wanted`() throws {
        let world = try TinyWorld()
        let run = try ShoalProcess.run(
            world.train("run", options(world) + ["--keep-checkpoints", "0", "--keep", "best"]), in: world.folder)
        #expect(run.code == 0, "\(run.process.errors)")
        #expect(!world.exists("run/checkpoints"))
        #expect(world.exists("run/model/model.safetensors"))
    }
}
