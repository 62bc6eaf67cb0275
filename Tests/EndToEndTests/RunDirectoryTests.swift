import Foundation
import Testing

/// Run directories and sockets to which something happens from outside.
@Suite(.serialized) struct RunDirectoryTests {
    private func longRun(_ world: TinyWorld, _ more: [String] = []) throws -> ShoalProcess {
        let run = try ShoalProcess(world.train("run", ["--epochs", "400", "--workers", "2"] + more), in: world.folder)
        try #require(eventually(seconds: 60) { world.steps("run") > 20 }, "\(run.errors)")
        return run
    }

    @Test func `resume removes no folder that a run directory names`() throws {
        let world = try TinyWorld()
        let run = try ShoalProcess.run(world.train("run"), in: world.folder)
        #expect(run.code == 0, "\(run.process.errors)")
        try FileManager.default.createDirectory(atPath: world.path("victim/sub"), withIntermediateDirectories: true)
        chmod(world.path("victim"), 0o700)
        try world.write("victim/sub/diary.txt", "mine")
        let file = world.path("run/coordinator.json")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let changed = text.replacing(
            /"endpoint" : "[^"]*"/, with: "\"endpoint\" : \"ipc://\(world.path("victim"))/control\"")
        try #require(changed != text)
        try Data(changed.utf8).write(to: URL(fileURLWithPath: file))
        let resumed = try ShoalProcess.run(["resume", world.path("run"), "--epochs", "40"], in: world.folder)
        #expect(resumed.code == 0, "\(resumed.process.errors)")
        #expect(world.exists("victim/sub/diary.txt"))
    }

    @Test func `a copy of a running run is another run`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        let children = run.children
        try FileManager.default.copyItem(atPath: world.path("run"), toPath: world.path("copy"))
        let copy = try ShoalProcess(["resume", world.path("copy")], in: world.folder)
        try #require(eventually(seconds: 60) { copy.errors.contains("is a run of its own") }, "\(copy.errors)")
        usleep(500_000)
        kill(copy.process.processIdentifier, SIGINT)
        copy.wait(seconds: 30)
        #expect(children.allSatisfy { kill($0, 0) == 0 }, "\(copy.errors)")
        if let child = children.first { kill(child, SIGKILL) }
        #expect(run.wait(seconds: 90) == 0, "\(run.errors)")
        #expect(run.errors.contains("is started again (1 of"), "\(run.errors)")
    }

    @Test func `a log and a folder that are removed while the run goes on are written again`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        unlink(world.path("run/metrics.jsonl"))
        try #require(eventually(seconds: 20) { run.errors.contains("metrics.jsonl was removed") }, "\(run.errors)")
        try #require(eventually(seconds: 20) { world.steps("run") > 20 }, "\(run.errors)")
        try FileManager.default.removeItem(atPath: world.path("run"))
        #expect(run.wait(seconds: 90) == 0, "\(run.errors)")
        #expect(run.errors.contains("was removed while the run goes on: it is made again"), "\(run.errors)")
        #expect(world.exists("run/model/model.safetensors") && world.exists("run/run.yaml"))
        #expect(world.steps("run") == 1200)
    }

    @Test func `a run whose folder is replaced says where the model is`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        rename(world.path("run"), world.path("elsewhere"))
        try FileManager.default.createDirectory(atPath: world.path("run"), withIntermediateDirectories: true)
        try world.write("run/diary.txt", "mine")
        #expect(run.wait(seconds: 90) == 1, "\(run.errors)")
        #expect(run.failure?.contains("the model is in \(world.path("elsewhere"))/model") == true, "\(run.errors)")
        #expect(world.exists("elsewhere/model/model.safetensors"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.path("run")) == ["diary.txt"])
    }

    @Test func `sockets that a cleaner has removed are made again`() throws {
        let world = try TinyWorld()
        let run = try longRun(world)
        let names = try FileManager.default.contentsOfDirectory(atPath: world.folder)
        let folder = try #require(names.first { $0.wholeMatch(of: /shoal-[A-Za-z0-9]{6}/) != nil })
        try FileManager.default.removeItem(atPath: world.path(folder))
        try #require(eventually(seconds: 20) { run.errors.contains("they are made again") }, "\(run.errors)")
        if let child = run.children.first { kill(child, SIGKILL) }
        #expect(run.wait(seconds: 90) == 0, "\(run.errors)")
        #expect(run.errors.contains("is started again (1 of"), "\(run.errors)")
        #expect(!world.exists(folder), "nothing is left")
    }

    @Test func `orphans remove the sockets when they give up`() throws {
        let world = try TinyWorld()
        let run = try longRun(world, ["--orphan-timeout", "1", "--heartbeat-timeout", "1"])
        let children = run.children
        kill(run.process.processIdentifier, SIGKILL)
        run.wait(seconds: 5)
        #expect(eventually(seconds: 30) { children.allSatisfy { kill($0, 0) != 0 } })
        let names = try FileManager.default.contentsOfDirectory(atPath: world.folder)
        #expect(!names.contains { $0.wholeMatch(of: /shoal-[A-Za-z0-9]{6}/) != nil }, "\(names)")
    }

    @Test func `a fifo in the place of a file does not hang`() throws {
        let world = try TinyWorld()
        #expect(mkfifo(world.path("fifo"), 0o600) == 0)
        try world.writeModel("broken")
        #expect(mkfifo(world.path("broken/special_tokens_map.json"), 0o600) == 0)
        for arguments in [
            ["train", "--config", world.path("fifo")], world.train("run", ["--model", world.path("broken")]),
            ["tokenize", "--model", world.path("model"), world.path("fifo")],
        ] {
            let run = try ShoalProcess(arguments, in: world.folder)
            // A file of options that cannot be used is a mistake of usage.
            #expect(run.wait(seconds: 30) == (arguments[1] == "--config" ? 64 : 1), "\(arguments): \(run.errors)")
            #expect(run.failure?.contains("regular file") == true, "\(run.errors)")
        }
    }

    @Test func `control characters of names are not shown raw`() throws {
        let world = try TinyWorld()
        let name = "\u{1B}]0;x\u{7}\u{1B}[2J" + String(repeating: "y", count: 200)
        for arguments in [
            ["status", name], ["train", "--config", name], ["resume", name],
            ["predict", "--model", name, "--text", "a"],
        ] {
            let run = try ShoalProcess.run(arguments, in: world.folder)
            #expect(run.code == (arguments[1] == "--config" ? 64 : 1))
            #expect(!run.process.errors.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x7F })
        }
    }
}
