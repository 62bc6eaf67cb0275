import Foundation
import Testing

/// Signals end a run in good order, and limits end it before it begins.
@Suite struct SignalTests {
    private func long(_ world: TinyWorld) -> [String] {
        world.train("out", ["--steps", "1000000", "--schedule", "constant", "--workers", "2"])
    }

    @Test(arguments: [SIGHUP, SIGTERM, SIGINT])
    func `the state is kept before the end`(signal: Int32) throws {
        let world = try TinyWorld()
        let process = try ShoalProcess(long(world), in: world.folder)
        #expect(eventually { world.steps("out") > 2 })
        kill(process.process.processIdentifier, signal)
        #expect(process.wait(seconds: 60) == 130)
        #expect(process.failure?.contains("the state is kept in") == true, "\(process.errors)")
    }

    @Test func `a hang-up that is ignored, as under nohup, stays ignored`() throws {
        let world = try TinyWorld()
        // What is ignored is inherited.
        let arguments = ["-c", "trap '' HUP; exec \"$0\" \"$@\"", ShoalProcess.binary.path] + long(world)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["XDG_RUNTIME_DIR": world.folder]) { $1 }
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        #expect(eventually { world.steps("out") > 2 })
        kill(process.processIdentifier, SIGHUP)
        let steps = world.steps("out")
        #expect(eventually { world.steps("out") > steps + 5 })
        #expect(process.isRunning)
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
    }

    @Test(arguments: [("-n 10", "ulimit -n (10 open files)"), ("-n 30", "ulimit -n (30 open files)")])
    func `too few open files are named before anything is started`(limit: String, expected: String) throws {
        let world = try TinyWorld()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            ["-c", "exec 2>errors && ulimit \(limit) && exec \"$0\" \"$@\"", ShoalProcess.binary.path]
            + world.train("out")
        process.currentDirectoryURL = URL(fileURLWithPath: world.folder)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        let errors = try String(contentsOfFile: world.path("errors"), encoding: .utf8)
        #expect(errors.contains(expected), "\(errors)")
        #expect(!world.exists("out"))
    }

    @Test func `a profile of a short run is there, and the workers' own files are not`() throws {
        let world = try TinyWorld()
        let (code, process) = try ShoalProcess.run(
            world.train("out", ["--steps", "30", "--workers", "2", "--profile"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(!process.errors.contains("no profile"), "\(process.errors)")
        #expect(world.exists("out/profile.json") && !world.exists("out/profile"))
    }
}
