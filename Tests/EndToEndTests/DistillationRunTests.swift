import Foundation
import Synchronization
import Testing
import Training

@testable import Cluster

/// Runs in which a student learns what teachers say, with real computing.
@Suite(.serialized) struct DistillationRunTests {
    private enum Way: String, CaseIterable {
        case probe, oneTeacher, twoTeachers

        func set(_ run: inout RunConfiguration, _ world: TinyWorld) {
            (run.method, run.epochs, run.steps, run.unlabeled) = (.distill, nil, 6, world.path("more.txt"))
            run.learningRate = 3e-4
            switch self {
            case .probe: run.labels = world.path("labels.csv")
            case .oneTeacher: run.teacher = world.path("tuned/model")
            case .twoTeachers: run.teacher = "\(world.path("tuned/model")), \(world.path("probe/model"))"
            }
        }
    }

    /// Teachers: one of another width, and a probe of long texts, which has windows and words.
    private static func prepare(_ world: TinyWorld) async throws {
        try world.write("labels.csv", "label,description\nfish,cod and eel\nfruit,fig plum pear\n")
        let lines = try String(contentsOfFile: world.path("train.csv"), encoding: .utf8).split(separator: "\n")
        func text(_ line: Substring) -> String {
            String(line.drop { $0 != "," }.dropFirst().replacing("\"", with: "").replacing(",", with: ""))
        }
        try world.write("more.txt", lines.dropFirst(20).map { "\(text($0))\n" }.joined())
        let long = lines.dropFirst().map {
            "\($0.prefix { $0 != "," }),\([String](repeating: text($0), count: 9).joined(separator: " "))\n"
        }
        // The classes come in another order there.
        try world.write("long.csv", "label,text\n" + long.reversed().joined())
        try world.writeModel("wide") { $0.encoder.hidden = 48 }
        _ = try await TinyRun.run(world, FineTuning(), "tuned", workers: 1) {
            ($0.model, $0.epochs) = (world.path("wide"), 6)
        }
        _ = try await TinyRun.run(world, Probe(), "probe", workers: 1) {
            ($0.method, $0.train) = (.probe, world.path("long.csv"))
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Way.allCases)
    private func `workers, kills and resuming do not change a bit`(_ way: Way) async throws {
        let world = try TinyWorld()
        try await Self.prepare(world)
        let notices = Mutex<[String]>([])
        func run(
            _ output: String, _ workers: Int, killing step: Int? = nil, kills: Bool = false, resumes: Bool = false
        ) async throws -> RunResult {
            try await TinyRun.run(
                world, Distilling(), output, workers: workers, killing: step, resumes: resumes, killsInCollection: kills
            ) {
                way.set(&$0, world)
            } observe: { event in
                if case .notice(let text) = event { notices.withLock { $0.append(text) } }
            }
        }
        let first = try await run("w1", 1)
        #expect(first.steps == 6 && first.weightsSHA256.count == 64)
        let accuracy = try #require(first.test?.metrics.values.first { $0.kind.key == "accuracy" }).value
        #expect(accuracy > 0.6, "\(accuracy)")
        let said = notices.withLock { $0 }
        #expect(said.contains { $0.contains("labels 85 texts") } == (way != .probe), "\(said)")
        for workers in [2, 3, 7] {
            let result = try await run("w\(workers)", workers)
            #expect(result.weightsSHA256 == first.weightsSHA256, "\(workers) workers")
            #expect(result.test?.metrics == first.test?.metrics)
        }
        #expect(try await run("killed", 3, killing: 3).weightsSHA256 == first.weightsSHA256)
        #expect(try await run("collecting", 2, kills: true).weightsSHA256 == first.weightsSHA256)
        // From the last checkpoint, and from one in the middle.
        for (output, workers, isLast) in [("w2", 3, true), ("w3", 1, false)] {
            let kept = try FileManager.default.contentsOfDirectory(atPath: world.path("\(output)/checkpoints"))
                .filter { $0.hasPrefix("step-") }.sorted()
            #expect(kept.count > 1)
            for file in ["result.json", "model"] + kept.dropFirst(isLast ? kept.count : 1).map({ "checkpoints/\($0)" })
            {
                try FileManager.default.removeItem(atPath: world.path("\(output)/\(file)"))
            }
            let resumed = try await run(output, workers, resumes: true)
            #expect(resumed.weightsSHA256 == first.weightsSHA256, "\(output) resumed")
            #expect(resumed.test?.metrics == first.test?.metrics)
        }
        // What teachers have said is needed to go on.
        for file in ["result.json", "model", "teacher.safetensors"] {
            try FileManager.default.removeItem(atPath: world.path("w7/\(file)"))
        }
        try FileManager.default.removeItem(atPath: world.path("w7/checkpoints/step-00000006"))
        await #expect {
            try await run("w7", 1, resumes: true)
        } throws: {
            "\($0)".contains("teacher.safetensors") && "\($0)".contains("missing")
        }
        let (code, process) = try ShoalProcess.run(
            ["evaluate", "--model", world.path("w1/model"), "--data", world.path("test.csv")], in: world.folder)
        #expect(code == 0 && process.output.contains(String(format: "%.4f", accuracy)), "\(process.output)")
    }

    @Test(.timeLimit(.minutes(10))) func `other settings and teachers make other weights`() async throws {
        let world = try TinyWorld()
        try await Self.prepare(world)
        var found: Set<String> = []
        let changes: [(inout RunConfiguration) -> Void] = [
            { Way.probe.set(&$0, world) }, { Way.oneTeacher.set(&$0, world) }, { Way.twoTeachers.set(&$0, world) },
            {
                Way.oneTeacher.set(&$0, world)
                $0.distillationTemperature = 5
            },
            {
                Way.oneTeacher.set(&$0, world)
                $0.distillationLabelWeight = 0
            },
            {
                Way.oneTeacher.set(&$0, world)
                $0.unlabeled = nil
            },
        ]
        for (number, change) in changes.enumerated() {
            let result = try await TinyRun.run(world, Distilling(), "run\(number)", workers: 1, change: change)
            found.insert(result.weightsSHA256)
        }
        #expect(found.count == changes.count)
    }

    @Test(.timeLimit(.minutes(5))) func `what does not fit is refused by name`() async throws {
        let world = try TinyWorld()
        try await Self.prepare(world)
        try world.write("two.csv", "label,text\nfish,cod\nfruit,fig\nfish,eel\nfruit,plum\n")
        func refused(_ more: [String], _ culprits: [String]) throws {
            let arguments = [
                "train", "--model", world.path("model"), "--train", world.path("train.csv"), "--output",
                world.path("out"), "--method", "distill",
            ]
            let (code, process) = try ShoalProcess.run(arguments + more, in: world.folder)
            #expect(code != 0 && code != nil)
            let failure = process.failure ?? "no error line: \(process.errors)"
            for culprit in culprits { #expect(failure.contains(culprit), "\(failure)") }
            #expect(!world.exists("out"))
        }
        let tuned = ["--teacher", world.path("tuned/model")]
        try refused(["--teacher", world.path("nowhere")], ["nowhere"])
        try refused(
            ["--teacher", world.path("model")],
            ["--teacher", "model", "does not have the classes fish, fruit, metal"])
        try refused(["--teacher", ","], ["--teacher", "folder of a classifier"])
        try refused(tuned + ["--train", world.path("two.csv")], ["--teacher", "also has the class metal"])
        try refused(tuned + ["--labels", world.path("labels.csv")], ["--labels", "--teacher"])
        try refused(tuned + ["--label-description", "fish=cod"], ["--label-description", "--teacher"])
        try refused(tuned + ["--label-smoothing", "0.1"], ["--label-smoothing", "distill"])
        try refused(tuned + ["--lora", "rank=2"], ["--lora"])
        try refused(tuned + ["--distillation-temperature", "0"], ["--distillation-temperature"])
        try refused(tuned + ["--distillation-label-weight", "2"], ["--distillation-label-weight", "0 to 1"])
        try refused(["--method", "probe"] + tuned, ["--teacher", "distill"])
    }
}
