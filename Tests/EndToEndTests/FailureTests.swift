import Checkpoint
import Foundation
import Modeling
import Testing

/// Runs to which something happens.
@Suite(.serialized) struct FailureTests {
    /// A run that goes on for long, with its first steps done.
    private func longRun(_ world: TinyWorld, workers: Int = 2, _ more: [String] = []) throws -> ShoalProcess {
        let run = try ShoalProcess(
            world.train("run", ["--epochs", "100000", "--workers", "\(workers)"] + more), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 3 }, "\(run.errors)")
        return run
    }

    /// A calm run, to compare with: its hash and its log.
    private func calm(_ world: TinyWorld, _ more: [String] = []) throws -> (hash: String, log: [String]) {
        let run = try ShoalProcess.run(world.train("calm", ["--workers", "2"] + more), in: world.folder)
        #expect(run.code == 0, "\(run.process.errors)")
        return (try world.weightsHash("calm"), try world.log("calm"))
    }

    @Test func `killed workers are started again, and change nothing`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "200"]
        let calm = try calm(world, options)
        let run = try ShoalProcess(world.train("run", options + ["--workers", "3"]), in: world.folder)
        var killed: [Int32] = []
        for step in [20, 60, 100] {
            try #require(eventually(seconds: 60) { world.steps("run") > step }, "\(run.errors)")
            let child = try #require(run.children.first)
            kill(child, SIGKILL)
            killed.append(child)
        }
        #expect(run.wait(seconds: 60) == 0, "\(run.errors)")
        for pid in killed { #expect(run.errors.contains("(pid \(pid) on "), "it is named") }
        #expect(run.errors.contains("was killed by signal 9"))
        #expect(run.errors.contains("is started again (1 of at most 10 times)"))
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
    }

    @Test func `without restarts the run ends when no worker is left`() throws {
        let world = try TinyWorld()
        let run = try longRun(world, workers: 2, ["--max-restarts", "0"])
        for child in run.children { kill(child, SIGKILL) }
        #expect(run.wait(seconds: 20) == 1)
        #expect(run.failure?.contains("no worker is left, and --max-restarts 0 is used up") == true, "\(run.errors)")
        #expect(!world.exists("run/result.json"))
    }

    @Test func `a worker that hangs is given up, killed and replaced`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "200"]
        let calm = try calm(world, options)
        let run = try ShoalProcess(
            world.train("run", options + ["--workers", "2", "--heartbeat-timeout", "1"]), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 20 }, "\(run.errors)")
        let child = try #require(run.children.first)
        kill(child, SIGSTOP)
        #expect(run.wait(seconds: 60) == 0, "\(run.errors)")
        #expect(run.errors.contains("(pid \(child) on "), "\(run.errors)")
        #expect(kill(child, 0) != 0, "it is gone")
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
    }

    @Test func `the coordinator is killed and resumed with its workers`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "200", "--validation", world.path("validation.csv")]
        let calm = try calm(world, options)
        let run = try ShoalProcess(world.train("run", options + ["--workers", "2"]), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 40 }, "\(run.errors)")
        let children = run.children
        kill(run.process.processIdentifier, SIGKILL)
        run.wait(seconds: 5)
        let done = world.steps("run")
        #expect(children.allSatisfy { kill($0, 0) == 0 }, "the workers wait")
        let resumed = try ShoalProcess(["resume", world.path("run")], in: world.folder)
        #expect(resumed.wait(seconds: 60) == 0, "\(resumed.errors)")
        #expect(!resumed.errors.contains("going back"), "no finished step of \(done) is lost: \(resumed.errors)")
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
        #expect(eventually(seconds: 5) { children.allSatisfy { kill($0, 0) != 0 } }, "no process is left behind")
    }

    @Test(arguments: ["linear", "plateau"])
    func `an interrupted run resumes with the same bits`(schedule: String) throws {
        let world = try TinyWorld()
        let options = [
            "--epochs", "100", "--validation", world.path("validation.csv"), "--schedule", schedule,
            "--checkpoint-every", "7",
        ]
        let calm = try calm(world, options)
        let run = try ShoalProcess(world.train("run", options + ["--workers", "3"]), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 40 }, "\(run.errors)")
        kill(run.process.processIdentifier, SIGINT)
        #expect(run.wait(seconds: 30) == 130, "\(run.errors)")
        #expect(try CheckpointFolder.list(in: world.path("run")).count <= 3, "the newest two, and the best")
        let resumed = try ShoalProcess.run(["resume", world.path("run"), "--workers", "1"], in: world.folder)
        #expect(resumed.code == 0, "\(resumed.process.errors)")
        #expect(resumed.process.errors.contains(", with the state of the checkpoint"))
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
        let again = try ShoalProcess.run(["resume", world.path("run")], in: world.folder)
        #expect(again.code == 1)
        #expect(again.process.failure?.contains("the run is complete") == true, "\(again.process.errors)")
        let longer = try ShoalProcess.run(["resume", world.path("run"), "--epochs", "101"], in: world.folder)
        #expect(longer.code == 0, "\(longer.process.errors)")
        #expect(world.steps("run") == 303)
    }

    @Test func `a damaged checkpoint is named and skipped`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "60", "--checkpoint-every", "20"]
        let calm = try calm(world, options)
        let run = try ShoalProcess(world.train("run", options + ["--workers", "2"]), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 70 }, "\(run.errors)")
        kill(run.process.processIdentifier, SIGINT)
        run.wait(seconds: 30)
        let newest = try #require(try CheckpointFolder.list(in: world.path("run")).first)
        let file = newest.path + "/optimizer.safetensors"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count - 9] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        let resumed = try ShoalProcess.run(["resume", world.path("run")], in: world.folder)
        #expect(resumed.code == 0, "\(resumed.process.errors)")
        #expect(resumed.process.errors.contains("\(newest.path) is skipped"), "\(resumed.process.errors)")
        #expect(resumed.process.errors.contains("optimizer.safetensors"))
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
    }

    @Test func `changed data are refused unless they are accepted`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        kill(run.process.processIdentifier, SIGINT)
        run.wait(seconds: 30)
        let text = try String(contentsOfFile: world.path("train.csv"), encoding: .utf8)
        try world.write("train.csv", text.replacing("cod", with: "eel"))
        let steps = world.steps("run") + 3
        let refused = try ShoalProcess.run(["resume", world.path("run"), "--steps", "\(steps)"], in: world.folder)
        #expect(refused.code == 1)
        #expect(
            refused.process.failure?.contains("--train of this run has changed") == true, "\(refused.process.errors)")
        let accepted = try ShoalProcess.run(
            ["resume", world.path("run"), "--steps", "\(steps)", "--accept-changes"], in: world.folder)
        #expect(accepted.code == 0, "\(accepted.process.errors)")
    }

    @Test func `what is no run directory, or in use, is refused`() throws {
        let world = try TinyWorld()
        let nothing = try ShoalProcess.run(["resume", world.path("nowhere")], in: world.folder)
        #expect(nothing.code == 1)
        #expect(nothing.process.failure?.contains("there is no such folder") == true, "\(nothing.process.errors)")
        let run = try longRun(world)
        let second = try ShoalProcess.run(["resume", world.path("run")], in: world.folder)
        #expect(second.code == 1)
        #expect(second.process.failure?.contains("is a run that is being trained") == true, "\(second.process.errors)")
        let status = try ShoalProcess.run(["status", world.path("run")], in: world.folder)
        #expect(status.code == 0)
        #expect(status.process.output.contains("training: step"), "\(status.process.output)")
        kill(run.process.processIdentifier, SIGTERM)
        run.wait(seconds: 30)
    }

    @Test(arguments: [[SIGINT], [SIGTERM], [SIGTERM, SIGTERM]])
    func `an interrupted run keeps its state`(signals: [Int32]) throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        let children = run.children
        for signal in signals {
            kill(run.process.processIdentifier, signal)
            // Apart, so that the kernel does not make one of two.
            usleep(20_000)
        }
        #expect(run.wait(seconds: 30) == 130, "\(run.errors)")
        #expect(eventually(seconds: 5) { children.allSatisfy { kill($0, 0) != 0 } })
        let kept = try CheckpointFolder.list(in: world.path("run"))
        #expect(kept.count == 1)
        for checkpoint in kept {
            try checkpoint.verify()
            #expect(try checkpoint.model().configuration.labels == TinyWorld.classes)
        }
        #expect(!world.exists("run/result.json"))
    }

    @Test func `workers do not outlive a coordinator that was killed and not resumed`() throws {
        let world = try TinyWorld()
        let run = try longRun(world, workers: 2, ["--orphan-timeout", "3", "--heartbeat-timeout", "1"])
        let children = run.children
        #expect(children.count == 2)
        kill(run.process.processIdentifier, SIGKILL)
        run.wait(seconds: 5)
        #expect(children.allSatisfy { kill($0, 0) == 0 })
        #expect(eventually(seconds: 15) { children.allSatisfy { kill($0, 0) != 0 } })
        let status = try ShoalProcess.run(["status", world.path("run")], in: world.folder)
        #expect(status.process.output.contains("not running"), "\(status.process.output)")
    }

    @Test func `workers come and go by hand`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "300"]
        let calm = try calm(world, options)
        var arguments = world.train("run", options + ["--workers", "1", "--heartbeat-timeout", "1"])
        arguments[0] = "coordinator"
        let endpoint = "tcp://127.0.0.1:\(freePort())"
        let coordinator = try ShoalProcess(arguments + ["--bind", endpoint], in: world.folder)
        func worker() throws -> ShoalProcess {
            try ShoalProcess(["worker", "--coordinator", endpoint], in: world.folder)
        }
        let first = try worker()
        try #require(eventually(seconds: 60) { world.steps("run") > 20 }, "\(coordinator.errors)")
        let second = try worker()
        try #require(eventually(seconds: 60) { coordinator.errors.contains("with 2 workers") }, "\(coordinator.errors)")
        let status = try ShoalProcess.run(["status", endpoint, "--json"], in: world.folder)
        #expect(status.code == 0, "\(status.process.errors)")
        #expect(status.process.output.contains("\"pid\" : \(second.process.processIdentifier)"))
        kill(first.process.processIdentifier, SIGKILL)
        #expect(coordinator.wait(seconds: 60) == 0, "\(coordinator.errors)")
        #expect(second.wait(seconds: 20) == 0)
        #expect(try world.weightsHash("run") == calm.hash)
        #expect(try world.log("run") == calm.log)
    }

    @Test func `a loss that is not finite stops the run before the weights change`() throws {
        let world = try TinyWorld()
        let run = try ShoalProcess.run(
            world.train(
                "wild",
                [
                    "--epochs", "50", "--workers", "2", "--optimizer", "sgd", "--learning-rate", "1e30", "--clip-norm",
                    "0",
                    "--warmup", "0",
                ]), in: world.folder)
        #expect(run.code == 1)
        let failure = run.process.failure ?? ""
        #expect(
            failure.contains("not finite") && failure.contains("step") && failure.contains("micro-batch"), "\(failure)")
        let kept = try CheckpointFolder.list(in: world.path("wild"))
        #expect(kept.count == 1, "\(run.process.errors)")
        for checkpoint in kept { try checkpoint.verify() }
    }
}
