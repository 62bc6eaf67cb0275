import Foundation
import Testing

@testable import Cluster

/// Folders that are runs, or none, and what is said of them.
final class RunStateTests {
    private let folder = NSTemporaryDirectory() + "shoal-state-\(UUID().uuidString.prefix(8))"

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ text: String = "") throws {
        let path = "\(folder)/\(name)"
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func status(host: String? = nil, age: Double = 0) -> String {
        var status = RunStatus(
            phase: "training", step: 5, totalSteps: 80, loss: nil, tokensPerSecond: nil, generation: 1, checkpoint: nil,
            elapsedSeconds: 1, endpoint: "", workers: [], changes: [], process: .current)
        status.host = host ?? status.host
        status.time -= age
        return status.json()
    }

    private func refusal(_ name: String) -> String {
        do {
            _ = try RunDirectory("\(folder)/\(name)")
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func `a folder of other files is no run, and nothing is to be removed`() throws {
        try write("docs/letter.txt")
        let text = refusal("docs")
        #expect(text.contains("docs is not empty and is no run (letter.txt): give a folder that does not exist"))
        #expect(text.contains("--output \(folder)/docs-2"))
        #expect(!text.contains("rm "))
    }

    @Test func `a complete run names its model and how it is trained for longer`() throws {
        let result = """
            {"steps": 80, "weights_sha256": "", "wall_seconds": 1, "tokens_per_second": 1, "examples_per_second": 1, \
            "workers": 1, "seconds_to_first_step": 1}
            """
        try write("a/run.yaml")
        try write("a/result.json", result)
        let text = refusal("a")
        #expect(text.contains("is a run that is complete (80 steps)"))
        #expect(text.contains("/a/model"))
        #expect(text.contains("`shoal resume \(folder)/a --epochs …`"))
    }

    @Test func `an interrupted run is to be resumed`() throws {
        try write("a/run.yaml")
        try write("a/status.json", status())
        #expect(refusal("a").contains("a run that was interrupted (at step 5 of 80); go on with it by `shoal resume "))
    }

    @Test func `a run that is being trained is to be looked at or stopped`() throws {
        try write("a/run.yaml")
        try write("a/status.json", status())
        let lock = open("\(folder)/a", O_RDONLY | O_DIRECTORY)
        defer { close(lock) }
        #expect(flock(lock, LOCK_EX) == 0)
        let text = refusal("a")
        #expect(text.contains("a run that is being trained (step 5 of 80, process \(getpid()) on "), "\(text)")
        #expect(text.contains("`shoal status \(folder)/a`") && text.contains("`shoal stop \(folder)/a`"))
        do {
            _ = try RunDirectory(resuming: "\(folder)/a")
            Issue.record("resumed")
        } catch { #expect("\(error)".contains("being trained") && "\(error)".contains("`shoal stop "), "\(error)") }
    }

    @Test func `the holder of a lock is found, and none where there is none`() throws {
        try write("a/run.yaml")
        #expect(LockHolder.process(of: "\(folder)/a") == nil)
        let idle = open("\(folder)/a", O_RDONLY | O_DIRECTORY)
        defer { close(idle) }
        #expect(!LockHolder.holds(getpid(), lockOf: "\(folder)/a"), "open, but not locked")
        #expect(!LockHolder.isLocked("\(folder)/a"))
        #expect(flock(idle, LOCK_EX) == 0)
        #expect(LockHolder.isLocked("\(folder)/a"))
        #expect(LockHolder.process(of: "\(folder)/a") == getpid())
        #expect(!LockHolder.holds(1, lockOf: "\(folder)/a"))
    }

    @Test func `a fresh status of another host is believed, an old one is not`() throws {
        try write("a/run.yaml")
        try write("a/status.json", status(host: "elsewhere"))
        #expect(RunState(of: "\(folder)/a").described("a").contains("being trained (step 5 of 80, process"))
        try write("a/status.json", status(host: "elsewhere", age: 60))
        #expect(RunState(of: "\(folder)/a") == .interrupted(step: 5, total: 80))
    }

    @Test func `what is no run is refused with what may have been meant`() throws {
        try write("runs/a/run.yaml")
        try write("runs/a/model/config.json")
        try write("runs/b/run.yaml")
        func refusal(_ name: String) -> String {
            let path = "\(folder)/\(name)"
            return RunState(of: path).refusalAsRun(path) ?? "a run"
        }
        #expect(refusal("none").contains("there is no such folder"))
        #expect(refusal("runs/a/model").contains("it belongs to the run \(folder)/runs/a"))
        #expect(refusal("runs").contains("it holds the runs \(folder)/runs/a, \(folder)/runs/b"))
        #expect(refusal("runs/a/") == "a run")
        for path in ["none", "runs/a/model", "runs"] {
            #expect(throws: RunError.self) { try StatusReader.read(runDirectory: "\(self.folder)/\(path)") }
        }
    }

    @Test func `what has ended is not stopped again, and another host's run not from here`() async throws {
        try write("a/run.yaml")
        try write("a/status.json", status(age: 60))
        let line = try await RunStopper.stop("\(folder)/a", timeout: 1) { _ in Issue.record("signalled") }
        #expect(
            line.contains("is not running: it ended at step 5 of 80, no checkpoint is kept; go on with `shoal resume "))
        // A checkpoint that is there is named, whatever became of the status.
        try write("a/checkpoints/step-00000004/manifest.json")
        try FileManager.default.removeItem(atPath: "\(folder)/a/status.json")
        let kept = try await RunStopper.stop("\(folder)/a", timeout: 1) { _ in Issue.record("signalled") }
        #expect(kept.contains("it ended at step 4, the state is kept in \(folder)/a/checkpoints/step-00000004; go on"))
        try write("a/status.json", status(host: "elsewhere"))
        await #expect {
            _ = try await RunStopper.stop("\(self.folder)/a", timeout: 1) { _ in }
        } throws: { "\($0)".contains("is trained on elsewhere: run `shoal stop ") }
        await #expect(throws: RunError.self) { try await RunStopper.stop("\(self.folder)/none", timeout: 1) { _ in } }
    }
}
