import Foundation
import Testing

/// `stop`, and what status and a second run of the same name say, with real processes.
@Suite(.serialized) struct StopTests {
    private func shoal(_ world: TinyWorld, _ arguments: String...) throws -> (code: Int32?, process: ShoalProcess) {
        try ShoalProcess.run(arguments, in: world.folder)
    }

    @Test func `a run is looked at and stopped, and says so afterwards`() throws {
        let world = try TinyWorld()
        #expect(try ShoalProcess.run(world.train("calm", ["--steps", "40"]), in: world.folder).code == 0)
        // Long enough that it cannot end before it is stopped.
        let run = try ShoalProcess(
            world.train("run", ["--steps", "1000000", "--workers", "2", "--schedule", "constant"]), in: world.folder)
        try #require(eventually { world.steps("run") >= 3 }, "\(run.errors)")
        // It is written every second.
        var shown = ""
        #expect(
            eventually {
                shown = (try? shoal(world, "status", "run"))?.process.output ?? ""
                return shown.contains("learning rate ") && shown.contains(" left") && shown.contains(", epoch ")
            }, "\(shown)")
        let twice = try ShoalProcess.run(world.train("run"), in: world.folder)
        #expect(twice.code == 1)
        #expect(twice.process.failure?.contains("is a run that is being trained") == true, "\(twice.process.errors)")

        let stop = try shoal(world, "stop", "run")
        #expect(stop.code == 0, "\(stop.process.errors)")
        #expect(stop.process.output.contains("run was stopped: it ended at step "), "\(stop.process.output)")
        #expect(stop.process.output.contains("the state is kept in ") && stop.process.output.contains(" resume run`"))
        #expect(run.wait(seconds: 5) == 130, "it had ended when stop did")
        #expect(run.failure?.contains(" resume \(world.path("run"))`") == true, "\(run.errors)")
        #expect(ShoalProcess.mentioning(world.folder).isEmpty)

        let again = try shoal(world, "stop", "run")
        #expect(again.code == 0)
        #expect(again.process.output.contains("run is not running: it ended at step "))
        let ended = try shoal(world, "status", "run")
        #expect(ended.process.output.hasPrefix("interrupted: ended at step "), "\(ended.process.output)")
        let other = try ShoalProcess.run(world.train("run"), in: world.folder)
        #expect(other.process.failure?.contains("a run that was interrupted") == true, "\(other.process.errors)")

        let complete = try shoal(world, "stop", "calm")
        #expect(complete.process.output.contains("it is complete after 40 steps"))
        for folder in ["none", "model"] {
            let (code, process) = try shoal(world, "stop", folder)
            #expect(code == 1)
            #expect(process.failure?.contains(folder) == true)
        }
        #expect(try shoal(world, "stop", "tcp://127.0.0.1:1").code == 64)
    }

    @Test func `a run that stop has ended goes on with the same bits`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "100", "--workers", "2"]
        #expect(try ShoalProcess.run(world.train("calm", options), in: world.folder).code == 0)
        let run = try ShoalProcess(world.train("run", options), in: world.folder)
        try #require(eventually { world.steps("run") >= 3 }, "\(run.errors)")
        let stop = try shoal(world, "stop", "run")
        #expect(stop.code == 0, "\(stop.process.errors)")
        if run.wait(seconds: 5) == 130 {
            let resume = try shoal(world, "resume", "run")
            #expect(resume.code == 0, "\(resume.process.errors)")
            #expect(resume.process.errors.contains("with the state of the checkpoint"), "\(resume.process.errors)")
        }
        #expect(try world.weightsHash("run") == world.weightsHash("calm"))
        #expect(try world.json("run/result.json")["train_loss"] is Double)
    }

    @Test func `a process whose number is in a file is not ended if it is another one`() throws {
        let world = try TinyWorld()
        #expect(try ShoalProcess.run(world.train("run", ["--steps", "3"]), in: world.folder).code == 0)
        let bystander = Process()
        bystander.executableURL = URL(fileURLWithPath: "/bin/sleep")
        bystander.arguments = ["60"]
        try bystander.run()
        defer { bystander.terminate() }
        var status = try world.json("run/status.json")
        status["pid"] = Int(bystander.processIdentifier)
        status["phase"] = "training"
        try JSONSerialization.data(withJSONObject: status).write(
            to: URL(fileURLWithPath: world.path("run/status.json")))
        try FileManager.default.removeItem(atPath: world.path("run/result.json"))
        #expect(try shoal(world, "stop", "run").code == 0, "it has ended")
        #expect(bystander.isRunning)
    }

    @Test func `a worker that is started by hand says that it has joined and what it has done`() throws {
        let world = try TinyWorld()
        var arguments = world.train("hand", ["--epochs", "1", "--workers", "1"])
        arguments[0] = "coordinator"
        let endpoint = "ipc://\(world.path("c"))"
        let coordinator = try ShoalProcess(arguments + ["--bind", endpoint], in: world.folder)
        let (code, worker) = try ShoalProcess.run(["worker", "--coordinator", endpoint], in: world.folder)
        #expect(code == 0)
        #expect(coordinator.wait() == 0, "\(coordinator.errors)")
        let lines = worker.errors.split(separator: "\n").map(String.init)
        #expect(
            lines.contains("joined as worker 1 of 1: it trains a model with 3 classes, from the beginning"), "\(lines)")
        #expect(
            lines.last
                == "the coordinator ended the run: the run is complete; this worker took part in 3 steps and evaluated "
                + "30 examples", "\(lines)")
        #expect(!coordinator.errors.contains("joined as"))
        let local = try ShoalProcess.run(world.train("local", ["--epochs", "1", "--workers", "2"]), in: world.folder)
        #expect(local.code == 0 && !local.process.errors.contains("joined as"), "\(local.process.errors)")
    }
}
