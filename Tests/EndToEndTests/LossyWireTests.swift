import Foundation
import Testing

/// Gradients that are rounded or compressed on the way, in real runs with real processes.
@Suite(.serialized) struct LossyWireTests {
    private func hash(_ world: TinyWorld, _ name: String, _ more: [String]) throws -> String {
        let (code, process) = try ShoalProcess.run(world.train(name, ["--epochs", "2"] + more), in: world.folder)
        try #require(code == 0, "\(name): \(process.errors)")
        return try world.weightsHash(name)
    }

    /// Begins a run, kills its coordinator and workers once some steps are done, and resumes it.
    private func killAndResume(_ world: TinyWorld, _ name: String, _ options: [String]) throws {
        let run = try ShoalProcess(world.train(name, options), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps(name) > 25 }, "\(run.errors)")
        for process in run.children + [run.process.processIdentifier] { kill(process, SIGKILL) }
        _ = run.wait(seconds: 20)
        try #require(!world.exists("\(name)/result.json"), "it ended before it was killed")
        let (code, resumed) = try ShoalProcess.run(["resume", world.path(name)], in: world.folder)
        try #require(code == 0, "\(resumed.errors)")
    }

    @Test func `compressed gradients are the same bits for any number of workers`() throws {
        let world = try TinyWorld()
        let plain = try hash(world, "plain", [])
        for workers in 1...3 {
            #expect(
                try hash(world, "z\(workers)", ["--workers", "\(workers)", "--compress-wire"]) == plain,
                "\(workers) workers")
        }
    }

    @Test func `a run with compressed gradients that was killed goes on to the same bits`() throws {
        let world = try TinyWorld()
        let options = ["--epochs", "200", "--workers", "2", "--compress-wire", "--checkpoint-every", "10"]
        let (code, calm) = try ShoalProcess.run(world.train("calm", options), in: world.folder)
        try #require(code == 0, "\(calm.errors)")
        try killAndResume(world, "run", options)
        #expect(try world.weightsHash("run") == world.weightsHash("calm"))
    }

    /// What rounding loses depends on what each rank sends, so the bits are those of how the micro-batches are dealt
    /// out: of the number of workers, where that does not follow their speeds.
    @Test func `rounded gradients are the same bits for the same number of workers`() throws {
        let world = try TinyWorld()
        let plain = try hash(world, "plain", [])
        #expect(try hash(world, "r1", ["--workers", "1", "--wire", "bf16"]) == plain, "one worker sends nothing")
        for workers in 2...3 {
            let options = ["--workers", "\(workers)", "--wire", "bf16", "--no-balance"]
            let first = try hash(world, "r\(workers)", options)
            #expect(first != plain, "\(workers) workers")
            #expect(try hash(world, "again\(workers)", options) == first, "\(workers) workers")
            #expect(try hash(world, "both\(workers)", options + ["--compress-wire"]) == first, "\(workers) workers")
        }
    }

    @Test func `a run with rounded gradients that was killed goes on and learns`() throws {
        let world = try TinyWorld()
        try killAndResume(
            world, "run", ["--epochs", "40", "--workers", "2", "--wire", "bf16", "--checkpoint-every", "10"])
        let result = try world.json("run/result.json")
        #expect(result["steps"] as? Int == 120)
        #expect((result["test"] as? [String: Any])?["accuracy"] as? Double ?? 0 > 0.9)
    }
}
