import Checkpoint
import Foundation
import Testing
import Training

@testable import Cluster

/// Files of a run directory that a user, or a fault of the disk, has changed.
struct HostileFileTests {
    /// Values that no number of ours has, as JSON.
    static let numbers = [
        "1e300", "-1e300", "1e19", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-1", "NaN",
        "Infinity", "\"nan\"", "\"1\"", "null", "true", "[]", "{}", "0.5", "1e999", "-0", "00",
    ]

    private func inScratch(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "shoal-hostile-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    /// The text with each number in it replaced, one at a time, by each of ``numbers``.
    private func mutations(_ text: String) -> [String] {
        text.matches(of: /[: \[](-?[0-9][0-9.e+]*)[,\s\]}]/).flatMap { match in
            let number = match.output.1
            return Self.numbers.map { text.replacingCharacters(in: number.startIndex..<number.endIndex, with: $0) }
        }
    }

    private var status: RunStatus {
        RunStatus(
            phase: "training", step: 3, totalSteps: 9, loss: 0.5, tokensPerSecond: 100, generation: 2, checkpoint: "c",
            elapsedSeconds: 5, endpoint: "ipc:///x",
            workers: [
                RunStatus.Worker(
                    number: 0, host: "h", pid: 5, threads: 1, state: "working", speed: 2, share: 0.25,
                    silentSeconds: 0.5,
                    residentBytes: 1024)
            ], changes: [RunStatus.Change(kind: .joined, subject: "worker 0", detail: "", step: 0, time: 1.7e9)],
            process: .current)
    }

    @Test func `every number of status json may be anything, and nothing traps`() throws {
        let all = mutations(status.json())
        #expect(all.count > 200)
        var refused = 0
        for text in all {
            do {
                let read = try RunStatus(json: text)
                #expect(read.time.isFinite && read.time >= 0 && read.time <= 1e12)
                _ = LocalProcess.isRunning(read.pid, since: read.time)
            } catch { refused += 1 }
        }
        #expect(refused > all.count / 2)
    }

    @Test func `what is left of damaged checkpoints is not written over by a run that begins anew`() throws {
        try inScratch { folder in
            func refusal() -> String {
                do {
                    _ = try Resumption(runDirectory: folder, fingerprint: [:], acceptsChanges: false)
                    return ""
                } catch { return "\(error)" }
            }
            #expect(refusal() == "", "a run that was interrupted before its first checkpoint")
            let checkpoints = folder + "/checkpoints"
            try FileManager.default.createSymbolicLink(
                atPath: checkpoints, withDestinationPath: folder + "/disk-that-is-not-mounted")
            #expect(refusal().contains("\(checkpoints) leads to no folder: put back what was there, or move it away"))
            try FileManager.default.createDirectory(
                atPath: folder + "/disk-that-is-not-mounted", withIntermediateDirectories: true)
            #expect(refusal() == "")
            for step in ["step-00000002", "step-00000001"] {
                try FileManager.default.createDirectory(
                    atPath: "\(checkpoints)/\(step)", withIntermediateDirectories: true)
            }
            #expect(
                refusal().hasPrefix(
                    "no checkpoint of 2 in \(checkpoints) is whole: \(checkpoints)/step-00000002/manifest.json: "))
        }
    }

    @Test(arguments: [
        ("time", "1e300", "\"time\" is 1e+300, but must be 0.0 to 1000000000000.0"), ("pid", "-1", "\"pid\" is -1"),
        ("step", "9223372036854775807", "\"step\" is 9223372036854775807"),
        ("pid", "\"x\"", "\"pid\" has a value of the"),
        ("total_steps", "null", "\"total_steps\" is null"),
        ("silent_seconds", "-1", "\"workers.0.silent_seconds\" is -1.0"),
    ])
    func `an error names the file, the key and the value`(key: String, value: String, message: String) throws {
        try inScratch { folder in
            let text = status.json().replacing(try Regex("\"\(key)\" : [0-9.]+"), with: "\"\(key)\" : \(value)")
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/status.json"))
            let error = #expect(throws: RunError.self) { try StatusReader.read(runDirectory: folder) }
            let description = error?.description ?? ""
            #expect(description.hasPrefix("\(folder)/status.json is damaged: "), "\(description)")
            #expect(description.contains(message), "\(description)")
        }
    }

    @Test func `coordinator json may hold anything`() throws {
        try inScratch { folder in
            let file = CoordinatorFile(
                runID: "0af3", starts: 2, endpoint: "ipc:///tmp/shoal-abcdef/control", isLocal: true,
                fingerprint: ["train": "00"], path: "/x", inode: 77)
            try file.write(to: folder)
            let path = "\(folder)/\(CoordinatorFile.name)"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            for mutation in mutations(text) {
                try Data(mutation.utf8).write(to: URL(fileURLWithPath: path))
                do {
                    let read = try #require(try CoordinatorFile.read(folder))
                    #expect((0...CheckedFile.maxCount).contains(read.starts))
                } catch { #expect("\(error)".contains("\(path) is damaged: "), "\(error)") }
            }
            try Data(text.replacing("\"starts\" : 2", with: "\"starts\" : 9223372036854775807").utf8)
                .write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: RunError.self) { try CoordinatorFile.read(folder) }
            #expect(
                error?.description.contains("\"starts\" is 9223372036854775807, but must be 0 to 1000000000") == true)
        }
    }

    @Test func `a log may hold anything, and no sum overflows`() throws {
        let line = "{\"loss\": 1.5, \"samples\": 8, \"step\": 1}"
        for mutation in mutations(line) {
            let log = MetricsLog(Data((mutation + "\n").utf8))
            #expect(log.lines.isEmpty != (log.damage == nil))
            for line in log.lines {
                #expect(line.loss.isFinite && (0...CheckedFile.maxCount).contains(line.samples))
                var history = RunHistory(
                    base: RunHistory.Point(
                        step: 0,
                        schedule: LearningRateSchedule(
                            ScheduleSettings(kind: .linear, learningRate: 1), totalSteps: 9)),
                    stepsPerEpoch: 3, steps: 0..<9, hasValidation: false)
                log.replay(into: &history)
                #expect(history.current.epochLoss.isFinite)
            }
        }
        let cut = MetricsLog(Data("\(line)\n{\"step\": 1e300}\n\(line)\n{\"st".utf8))
        #expect(cut.lines.count == 1)
        #expect(cut.damage?.hasPrefix("line 2 of 3: ") == true, "\(cut.damage ?? "none")")
        #expect(MetricsLog(Data("\(line)\n{\"st".utf8)).damage == nil, "what was being written when it was killed")
    }

    @Test func `the state of a checkpoint may hold anything`() throws {
        try inScratch { folder in
            let checkpoint = CheckpointFolder(runDirectory: folder, step: 20)
            try FileManager.default.createDirectory(atPath: checkpoint.path, withIntermediateDirectories: true)
            let text = """
                {"version": 1, "step": 20, "epoch": 2, "seed": 7, "appliedSteps": 20, "weightsSHA256": "", "notes": {},
                "schedule": {"rate": 1, "best": 2, "bad_evaluations": 0, "cooldown_left": 0},
                "metrics": {"epoch_loss": 1.5, "epoch_samples": 160, "validation_loss": 1, "validation_accuracy": 1}}
                """
            for mutation in mutations(text) + [text] {
                try Data(mutation.utf8).write(to: URL(fileURLWithPath: checkpoint.path + "/trainer_state.json"))
                guard let state = try? checkpoint.loadState() else {
                    #expect(mutation != text)
                    continue
                }
                #expect((0...1_000_000_000).contains(state.step))
                #expect(Int(exactly: state.metrics["epoch_samples"] ?? 0) != nil)
                var schedule = LearningRateSchedule(
                    ScheduleSettings(kind: .plateau, learningRate: 1), totalSteps: 9)
                if (try? schedule.restore(state.schedule)) != nil {
                    schedule.observe(loss: 1, completedSteps: 5)
                    #expect(!schedule.rate(at: 5).isNaN)
                }
            }
        }
    }

    @Test func `run yaml may hold any number`() throws {
        var options = RunOptions()
        (options.model, options.train, options.output, options.schedule) = ("m", "t.csv", "o", .plateau)
        let yaml = try RunConfiguration.resolve(options).yaml()
        for line in yaml.split(separator: "\n") where line.contains(/: [0-9]/) {
            let key = line.prefix { $0 != ":" }
            for number in Self.numbers + ["1e-300", ".inf", "-.nan", "0x10", "1_000"] {
                let changed = yaml.replacing(line, with: "\(key): \(number)")
                guard let read = try? RunOptions(yaml: changed, path: "run.yaml") else { continue }
                guard let run = try? RunConfiguration(options: read) else { continue }
                let schedule = LearningRateSchedule(run.scheduleSettings, totalSteps: run.steps ?? 100)
                for step in [0, 1, 50, 99] { #expect(!schedule.rate(at: step).isNaN, "\(key): \(number)") }
            }
        }
    }

    @Test func `aliases, nesting and endless lines are refused at once`() throws {
        var bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        var previous = "a"
        for name in "bcdefghijkl" {
            let references = [String](repeating: "*\(previous)", count: 9).joined(separator: ",")
            bomb += "\(name): &\(name) [\(references)]\n"
            previous = "\(name)"
        }
        bomb += "? *l\n: 1\n"
        let bad = [
            bomb, "workers: &w 2", "workers: *w", "? *l\n: 1", "\"a\":*b", "[*a,*b]", "a: !!str &x y",
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 5000),
            String(repeating: "? ", count: 5000),
            "a:\n" + (1...400).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            "model: " + String(repeating: "x", count: 10_000),
            (1...9).map { "k\($0): \"&a\"\n" }.joined(),
        ]
        for text in bad {
            let error = #expect(throws: ConfigurationError.self) { try RunOptions(yaml: text, path: "c.yaml") }
            #expect(error?.description.hasPrefix("c.yaml:") == true)
        }
        let good = try RunOptions(
            yaml: "# *a &b\nmodel: \"*models\"\ntrain: R&D/a & b.csv\ntest: 'a &b'\nwarmup: 5 * 3", path: "c.yaml")
        #expect(good.model == "*models" && good.train == "R&D/a & b.csv" && good.test == "a &b")
    }

    @Test func `a fifo in the place of any file is refused`() throws {
        try inScratch { folder in
            for name in ["run.yaml", "status.json", "coordinator.json", "metrics.jsonl", "result.json"] {
                #expect(mkfifo("\(folder)/\(name)", 0o600) == 0)
            }
            #expect(throws: ConfigurationError.self) { try RunOptions(yamlFile: folder + "/run.yaml") }
            #expect(throws: RunError.self) { try StatusReader.read(runDirectory: folder) }
            #expect(throws: RunError.self) { try CoordinatorFile.read(folder) }
            #expect(throws: RunError.self) { try MetricsLog(path: folder + "/metrics.jsonl") }
            #expect(throws: RunError.self) { try CheckedFile.read(CompleteRun.self, folder + "/result.json") }
            #expect(throws: ConfigurationError.self) { try RunOptions(yamlFile: "/dev/zero") }
        }
    }
}
