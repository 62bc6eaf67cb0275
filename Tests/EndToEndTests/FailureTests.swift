import Checkpoint
import Foundation
import Testing

/// Runs that do not end by themselves.
@Suite(.serialized) struct FailureTests {
    /// A run that goes on for long, with its first step done.
    private func longRun(_ world: TinyWorld, workers: Int = 2) throws -> ShoalProcess {
        let run = try ShoalProcess(
            world.train("run", ["--epochs", "100000", "--workers", "\(workers)"]), in: world.folder)
        try #require(
            eventually(seconds: 60) { ((try? world.jsonLines("run/metrics.jsonl"))?.count ?? 0) > 3 }, "\(run.errors)")
        return run
    }

    @Test func `a killed worker ends the run, and is named`() throws {
        let world = try TinyWorld()
        let run = try longRun(world, workers: 3)
        let children = run.children
        #expect(children.count == 3)
        kill(children[1], SIGKILL)
        let killed = Date()
        let code = run.wait(seconds: 20)
        #expect(code == 1)
        #expect(Date().timeIntervalSince(killed) < 10)
        let failure = run.failure ?? ""
        #expect(failure.contains("\(children[1])"), "\(run.errors)")
        #expect(failure.contains("SIGKILL") || failure.contains("signal 9"), "\(run.errors)")
        #expect(eventually(seconds: 5) { children.allSatisfy { kill($0, 0) != 0 } }, "nobody is left behind")
        #expect(!world.exists("run/model"))
        #expect(!world.exists("run/result.json"))
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `an interrupted run keeps its state`(signal: Int32) throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        let children = run.children
        kill(run.process.processIdentifier, signal)
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

    @Test func `workers do not outlive a coordinator that was killed`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        let children = run.children
        #expect(children.count == 2)
        kill(run.process.processIdentifier, SIGKILL)
        run.wait(seconds: 5)
        #expect(eventually(seconds: 15) { children.allSatisfy { kill($0, 0) != 0 } })
    }

    @Test func `a worker that hangs is found by its heartbeat`() throws {
        let world = try TinyWorld()
        var arguments = world.train("hang", ["--epochs", "100000", "--workers", "2", "--heartbeat-timeout", "2"])
        arguments[0] = "coordinator"
        let port = freePort()
        let coordinator = try ShoalProcess(
            arguments + ["--bind", "tcp://127.0.0.1:\(port)"], in: world.folder)
        let workers = try (0..<2).map { _ in
            try ShoalProcess(["worker", "--coordinator", "tcp://127.0.0.1:\(port)"], in: world.folder)
        }
        try #require(eventually(seconds: 60) { ((try? world.jsonLines("hang/metrics.jsonl"))?.count ?? 0) > 3 })
        let pid = workers[0].process.processIdentifier
        kill(pid, SIGSTOP)
        #expect(coordinator.wait(seconds: 20) == 1)
        #expect(coordinator.failure?.contains("\(pid)") == true, "\(coordinator.errors)")
        kill(pid, SIGCONT)
        for worker in workers { #expect(worker.wait(seconds: 20) != nil, "it ended by itself") }
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
