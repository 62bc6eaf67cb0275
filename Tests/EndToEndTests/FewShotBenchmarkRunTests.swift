import Foundation
import Testing

/// `shoal benchmark few-shot` with real trials of a tiny model.
@Suite(.serialized) struct FewShotBenchmarkRunTests {
    private static func arguments(_ world: TinyWorld, _ more: [String]) -> [String] {
        [
            "benchmark", "few-shot", "--model", world.path("model"), "--train", world.path("train.csv"), "--test",
            world.path("test.csv"), "--output", world.path("bench"), "--k", "2,4", "--seeds", "2",
        ] + more
    }

    private static func trials(_ world: TinyWorld) -> [[String: Any]] {
        (try? world.jsonLines("bench/trials.jsonl")) ?? []
    }

    /// A trial as one line, without what depends on the machine.
    private static func line(_ trial: [String: Any]) -> String {
        let test = trial["test"] as? [String: Any]
        return "\(trial["method"] ?? "") \(trial["k"] ?? "") \(trial["seed"] ?? "") \(test?["accuracy"] ?? "") "
            + "\(trial["weights_sha256"] ?? "")"
    }

    @Test(.timeLimit(.minutes(10))) func `what is killed goes on, and a trial can be repeated by hand`() throws {
        let world = try TinyWorld()
        let methods = ["--methods", "probe", "finetune --steps 3 --learning-rate 3e-3", "--parallel", "2"]
        let first = try ShoalProcess(Self.arguments(world, methods), in: world.folder)
        #expect(eventually(seconds: 120) { Self.trials(world).count >= 2 })
        kill(first.process.processIdentifier, SIGKILL)
        first.wait()
        let before = Self.trials(world)
        #expect(before.count < 8, "it was killed before its end")
        // Its trials go on for a while, as nobody has ended them.
        let (code, second) = try ShoalProcess.run(Self.arguments(world, methods), in: world.folder)
        #expect(code == 0, "\(second.errors)")
        let trials = Self.trials(world)
        #expect(trials.count == 8 && Set(trials.map(Self.line)).count == 8)
        #expect(trials.prefix(before.count).map(Self.line) == before.map(Self.line), "none is made again")
        #expect(second.errors.contains("of 8 trials are there"))
        #expect(second.output.contains("probe") && second.output.contains("k = 4") && second.output.contains(" ± "))
        let page = try String(contentsOfFile: world.path("bench/few-shot.md"), encoding: .utf8)
        #expect(page.contains("| `finetune --steps 3 --learning-rate 3e-3` | 0."))
        #expect(try String(contentsOfFile: world.path("bench/few-shot.svg"), encoding: .utf8).hasSuffix("</svg>\n"))
        #expect(!world.exists("bench/trials/k2-seed1-probe/run/model"), "models take much room")
        #expect(eventually { ShoalProcess.mentioning(world.path("bench")).isEmpty })
        let folders = try FileManager.default.subpathsOfDirectory(atPath: world.path("bench/trials"))
        let left = folders.filter { $0.contains("attempt-") }
        #expect(left.isEmpty, "\(left.joined(separator: " "))")
        // By hand, and from the draw that is kept.
        let trial = try #require(
            trials.first { $0["k"] as? Int == 4 && $0["seed"] as? Int == 1 && $0["method"] as? String == "probe" })
        for (name, train, shots) in [
            ("hand", "train.csv", ["--shots", "4", "--seed", "1"]),
            ("draw", "bench/draws/k4-seed1.csv", ["--seed", "1"]),
        ] {
            let (code, run) = try ShoalProcess.run(
                [
                    "train", "--method", "probe", "--model", world.path("model"), "--train", world.path(train),
                    "--test",
                    world.path("test.csv"), "--output", world.path(name),
                ] + shots, in: world.folder)
            #expect(code == 0, "\(run.errors)")
            #expect(try world.weightsHash(name) == trial["weights_sha256"] as? String, "\(name)")
        }
        // More seeds go on with what is there; other settings do not.
        let (more, third) = try ShoalProcess.run(
            Self.arguments(world, ["--methods", "probe", "--seeds", "3", "--json"]), in: world.folder)
        #expect(more == 0 && Self.trials(world).count == 10, "\(third.errors)")
        let rows = try JSONSerialization.jsonObject(with: Data(third.output.utf8)) as? [[String: Any]]
        #expect(rows?.map { $0["trials"] as? Double } == [3, 3])
        let (other, fourth) = try ShoalProcess.run(
            Self.arguments(world, methods + ["--", "--max-length", "12"]), in: world.folder)
        #expect(other == 1 && fourth.failure?.contains("have another options behind --") == true, "\(fourth.errors)")
        #expect(Self.trials(world).count == 10)
    }

    @Test(.timeLimit(.minutes(10))) func `a trial that fails is named, and the others are made`() throws {
        let world = try TinyWorld()
        // Fine-tuning takes no descriptions, and so does not see what is wrong with these.
        try world.write("labels.csv", "label,description\nfish,cod\nbird,owl\n")
        let (code, process) = try ShoalProcess.run(
            Self.arguments(
                world, ["--labels", world.path("labels.csv"), "--methods", "probe", "finetune --steps 1", "--k", "2"]),
            in: world.folder)
        #expect(code == 1)
        #expect(process.failure?.contains("2 trials of 4 failed") == true, "\(process.errors)")
        #expect(process.errors.contains("k = 2, seed 0, probe: failed: ") && process.errors.contains("\"bird\""))
        let page = try String(contentsOfFile: world.path("bench/few-shot.md"), encoding: .utf8)
        #expect(page.contains("| `probe` | – |") && page.contains("| `finetune --steps 1` | 0."))
        #expect(page.contains("| `probe` | 2 | 1 |") && page.contains("bird"))
        let trials = Self.trials(world)
        #expect(trials.count { ($0["error"] as? String)?.contains("labels.csv") == true } == 2 && trials.count == 4)
        let log = try String(contentsOfFile: world.path("bench/trials/k2-seed0-probe/log.txt"), encoding: .utf8)
        #expect(log.contains("shoal: error: "))
    }

    @Test(.timeLimit(.minutes(10))) func `an interrupt ends the trials, and says so`() throws {
        let world = try TinyWorld()
        let process = try ShoalProcess(
            Self.arguments(world, ["--methods", "finetune --steps 100000", "--parallel", "2"]), in: world.folder)
        let attempt = "attempt-\(process.process.processIdentifier)"
        #expect(eventually(seconds: 60) { world.steps("bench/trials/k2-seed1-\(Self.slug(world))/\(attempt)") > 1 })
        kill(process.process.processIdentifier, SIGINT)
        #expect(process.wait(seconds: 60) == 130, "\(process.errors)")
        #expect(Self.trials(world).isEmpty)
        #expect(eventually { ShoalProcess.mentioning(world.path("bench")).isEmpty })
    }

    /// The end of the name of the only method's folders.
    private static func slug(_ world: TinyWorld) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: world.path("bench/trials"))) ?? []
        return names.first { $0.hasPrefix("k2-seed1-") }.map { String($0.dropFirst("k2-seed1-".count)) } ?? "none"
    }

    @Test func `what does not fit is refused before anything is made`() throws {
        let world = try TinyWorld()
        func refused(_ more: [String], _ code: Int32 = 64, _ culprits: [String]) throws {
            let (found, process) = try ShoalProcess.run(Self.arguments(world, more), in: world.folder)
            #expect(found == code, "\(more): \(process.errors)")
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("bench"))
        }
        try refused(["--k", "2,x"], 64, ["--k", "2,x"])
        try refused(["--k", "0"], 64, ["--k"])
        try refused(["--seeds", "0"], 64, ["--seeds"])
        try refused(["--parallel", "0"], 64, ["--parallel"])
        try refused(["--methods", "probe,fast"], 64, ["--methods", "\"fast\"", "finetune, probe"])
        try refused(["--data", "reuters-r8"], 64, ["--data", "--train"])
        try refused(["--", "--epochs", "3"], 64, ["the trials of probe", "--epochs"])
        try refused(["--methods", "finetune", "--", "--seed", "3"], 64, ["--seed is the benchmark's own"])
        try refused(["--methods", "finetune", "--", "--learning-rat", "3"], 64, ["--learning-rat"])
        try refused(["--methods", "finetune --steps"], 64, ["the trials of finetune --steps", "--steps"])
        try refused(["--methods", "finetune", "--labels", world.path("x.csv")], 64, ["--labels has no effect"])
        try refused(["--train", world.path("none.csv")], 1, ["none.csv"])
        let (code, process) = try ShoalProcess.run(
            [
                "benchmark", "few-shot", "--model", world.path("model"), "--data", world.folder, "--output",
                world.path("o"), "--k", "32", "--seeds", "1", "--methods", "probe",
            ], in: world.folder)
        // The folder has both files, and too few examples: all are taken, and it is said.
        #expect(code == 0 && process.errors.contains("--shots 32: fewer examples"), "\(process.errors)")
    }
}
