import Cluster
import Corpus
import Foundation
import Support
import TestSupport
import Testing

@testable import Benchmarks

/// What a few-shot benchmark is asked for, keeps and shows; its trials are run by EndToEndTests.
@Suite struct FewShotBenchmarkTests {
    private static func result(
        _ method: String, _ k: Int, _ seed: UInt64, _ accuracy: Double?, seconds: Double = 2, error: String? = nil
    ) -> FewShotResult {
        let variant = (try? FewShotVariant.read([method]).first) ?? FewShotVariant(method: .probe, options: [])
        var result = FewShotResult(FewShotTrial(variant: variant, shots: k, seed: seed))
        result.test = accuracy.map { ["accuracy": $0, "loss": 1, "examples": 30] }
        (result.seconds, result.error) = (accuracy.map { _ in seconds }, error)
        return result
    }

    private static func summary(
        _ results: [FewShotResult], methods: [String] = ["probe", "finetune --epochs 3"], shots: [Int] = [8, 4],
        seeds: UInt64 = 3, metric: String = "accuracy", title: String = "tiny <on> things"
    ) throws -> FewShotSummary {
        try FewShotSummary(
            results, title: title, metric: metric, variants: try FewShotVariant.read(methods), shots: shots,
            seeds: (0..<seeds).map { $0 })
    }

    @Test(arguments: [
        (1, 12.706205), (2, 4.302653), (4, 2.776445), (9, 2.262157), (29, 2.045230), (99, 1.984217),
    ]) func `Student's t is that of its tables`(degrees: Int, expected: Double) {
        #expect(abs(StudentT.quantile(confidence: 0.95, degrees: degrees) - expected) < 1e-5)
        #expect(abs(StudentT.twoSided(expected, degrees) - 0.05) < 1e-6)
    }

    @Test func `methods may have options of their own`() throws {
        let read = try FewShotVariant.read(["probe,finetune", "finetune --lora rank=2,alpha=4", "probe"])
        #expect(read.map(\.name) == ["probe", "finetune", "finetune --lora rank=2,alpha=4"])
        #expect(read[2].options == ["--lora", "rank=2,alpha=4"])
        let trials = read.map { FewShotTrial(variant: $0, shots: 8, seed: 3).name }
        #expect(trials[0] == "k8-seed3-probe" && Set(trials).count == 3)
        #expect(trials[2].allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" })
        let others = try FewShotVariant.read(["probe --windows 1", "probe --windows=1"])
        #expect(Set(others.map(\.slug)).count == 2)
        for (value, culprit) in [
            ("prob", "\"prob\""), ("probe,fast", "\"fast\""), ("", "no method"), (" ", "no method"),
        ] {
            let error = #expect(throws: FewShotBenchmarkError.self) { try FewShotVariant.read([value]) }
            #expect(error?.description.contains(culprit) == true, "\(value)")
        }
    }

    @Test func `a method's trials have the options that it takes`() throws {
        let variants = try FewShotVariant.read(["probe", "finetune --epochs 2"])
        let benchmark = FewShotBenchmark(
            title: "t", output: "o", variants: variants, shots: [8, 4], seeds: [0, 1], options: ["--model", "m"])
        #expect(
            benchmark.trials.map(\.name).prefix(3).map { $0.prefix(13) } == [
                "k4-seed0-prob", "k4-seed0-fine", "k4-seed1-prob",
            ])
        #expect(benchmark.trials.count == 8)
        let files = [(key: "labels", value: "l.csv"), (key: "unlabeled", value: "u.txt")]
        #expect(
            benchmark.arguments(of: benchmark.trials[0], optional: files) == [
                "--method", "probe", "--shots", "4", "--seed", "0", "--labels", "l.csv", "--unlabeled", "u.txt",
                "--model",
                "m",
            ])
        #expect(
            benchmark.arguments(of: benchmark.trials[1], optional: files) == [
                "--method", "finetune", "--shots", "4", "--seed", "0", "--model", "m", "--epochs", "2",
            ])
        #expect(TrainingMethod.probe.takes("windows") && !TrainingMethod.finetune.takes("windows"))
        #expect(TrainingMethod.finetune.takes("epochs") && !TrainingMethod.probe.takes("epochs"))
        #expect(!TrainingMethod.probe.takes("no_such_option"))
    }

    @Test func `the table has means with their confidence intervals`() throws {
        let results = [
            Self.result("probe", 4, 0, 0.8), Self.result("probe", 4, 1, 0.9), Self.result("probe", 4, 2, 0.85),
            Self.result("probe", 8, 0, 0.95, seconds: 5),
            Self.result("finetune --epochs 3", 4, 0, nil, error: "no <room> | left"),
            Self.result("finetune --epochs 3", 4, 1, 0.5), Self.result("finetune --epochs 3", 4, 2, 0.7),
            // Of other seeds, numbers and methods.
            Self.result("probe", 4, 7, 0), Self.result("probe", 16, 0, 0), Self.result("finetune", 4, 0, 0),
        ]
        let summary = try Self.summary(results)
        #expect(summary.shots == [4, 8])
        let cell = try #require(summary.cells[0][0])
        // The standard deviation is 0.05; the quantile of two degrees of freedom 4.302653.
        #expect(abs(cell.mean - 0.85) < 1e-12 && abs((cell.margin ?? 0) - 4.302653 * 0.05 / 3.0.squareRoot()) < 1e-6)
        #expect(summary.shown(cell) == "0.850 ± 0.124")
        #expect(summary.shown(summary.cells[0][1]) == "0.950 (1 of 3)")
        #expect(summary.shown(summary.cells[1][0]) == "0.600 ± 1.271 (2 of 3)")
        #expect(summary.shown(summary.cells[1][1]) == "–")
        let page = summary.markdown(plot: "few-shot.svg")
        #expect(
            page.contains("| method | k = 4 | k = 8 |\n|---|---:|---:|\n| `probe` | 0.850 ± 0.124 | 0.950 (1 of 3) |\n")
        )
        #expect(page.contains("# tiny \\<on\\> things\n") && page.contains("](few-shot.svg)"))
        #expect(page.contains("| `finetune --epochs 3` | 4 | 0 | no \\<room\\> \\| left |"))
        #expect(page.contains("| `probe` | 2.0 | 5.0 |"))
        #expect(summary.failures.count == 1 && summary.rows.rows.count == 3)
        let error = #expect(throws: FewShotBenchmarkError.self) { try Self.summary(results, metric: "f1") }
        #expect(error?.description == "--metric: the trials have no \"f1\"; they have accuracy, loss")
    }

    @Test func `the plot is well-formed, and has a line for each method that has points`() throws {
        var results: [FewShotResult] = []
        for seed in 0..<3 as Range<UInt64> {
            for (k, value) in [(4, 0.8), (8, 0.9), (32, 0.95)] {
                results.append(Self.result("probe", k, seed, value + Double(seed) * 0.01))
            }
        }
        results.append(Self.result("finetune --epochs 3", 8, 0, 0.5))
        let svg = FewShotPlot(try Self.summary(results, shots: [4, 8, 32])).svg
        let parser = XMLDocumentCheck()
        #expect(parser.isWellFormed(svg), "\(parser.problem)")
        #expect(svg.contains("prefers-color-scheme:dark") && svg.contains("tiny &lt;on&gt; things"))
        // Three error bars; a legend of two; a single trial has a point and no bar.
        #expect(svg.components(separatedBy: "h8M").count == 1 + 3)
        #expect(svg.components(separatedBy: "<circle").count == 1 + 3 + 1)
        #expect(svg.components(separatedBy: "<rect class=\"mark\"").count == 1 + 1 + 1)
        for text in [">4<", ">8<", ">32<", ">accuracy<", ">finetune --epochs 3<", ">labelled examples of each class<"] {
            #expect(svg.contains(text), "\(text)")
        }
        // With nothing yet, and with numbers that are all the same.
        #expect(parser.isWellFormed(FewShotPlot(try Self.summary([])).svg))
        let same = (0..<3 as Range<UInt64>).map { Self.result("probe", 4, $0, 1) }
        let flat = FewShotPlot(try Self.summary(same, shots: [4])).svg
        #expect(parser.isWellFormed(flat) && !flat.contains("nan") && !flat.contains("inf"))
        let many = try Self.summary(
            [Self.result("probe", 4, 0, 0.5)], methods: (0..<20).map { "probe --windows \($0 + 1)" })
        #expect(parser.isWellFormed(FewShotPlot(many).svg))
    }

    @Test func `what came of trials is there after a kill, and other settings are refused`() throws {
        let scratch = try Scratch()
        let path = scratch.file("bench")
        let settings = ["train": "a", "test": "b"]
        var folder = try FewShotFolder(path, settings: settings)
        let trial = FewShotTrial(variant: try FewShotVariant.read(["probe"])[0], shots: 4, seed: 0)
        #expect(!folder.hasFinished(trial))
        try folder.add(Self.result("probe", 4, 0, nil, error: "why"))
        #expect(!folder.hasFinished(trial), "what has failed is tried again")
        let busy = #expect(throws: FewShotBenchmarkError.self) { try FewShotFolder(path, settings: settings) }
        #expect(busy?.description.contains("another benchmark is at work") == true)
        try folder.add(Self.result("probe", 4, 0, 0.5))
        try folder.add(Self.result("probe", 8, 0, 0.6))
        folder.close()
        let again = try FewShotFolder(path, settings: settings)
        #expect(again.results == [Self.result("probe", 4, 0, 0.5), Self.result("probe", 8, 0, 0.6)])
        #expect(again.hasFinished(trial))
        again.close()
        for (other, culprit) in [
            (["train": "c", "test": "b"], "another train"),
            (["train": "a", "test": "b", "labels": "l"], "another labels"),
            (["train": "a"], "another test"),
        ] {
            let error = #expect(throws: FewShotBenchmarkError.self) { try FewShotFolder(path, settings: other) }
            #expect(error?.description.contains(culprit) == true && error?.description.contains(path) == true)
        }
        try scratch.write("{\"k\":4,\"seed\":0,\"method\":\"probe\"}\n{\"k\":\n", "bench/trials.jsonl")
        let torn = #expect(throws: FewShotBenchmarkError.self) { try FewShotFolder(path, settings: settings) }
        #expect(torn?.description.contains("trials.jsonl: line 2") == true)
        let filled = scratch.file("filled")
        try FileManager.default.createDirectory(atPath: filled, withIntermediateDirectories: true)
        try scratch.write("mine", "filled/notes.txt")
        let full = #expect(throws: FewShotBenchmarkError.self) { try FewShotFolder(filled, settings: settings) }
        #expect(full?.description.contains("is not empty") == true)
        #expect(try scratch.names("filled") == ["notes.txt"])
        let blocked = #expect(throws: FewShotBenchmarkError.self) {
            try FewShotFolder(filled + "/notes.txt/x", settings: settings)
        }
        #expect(blocked?.description.contains("cannot make the folder") == true)
    }

    @Test func `draws are CSV that is read back as it was`() throws {
        let scratch = try Scratch()
        let texts = [
            "plain", "a, b", "he said \"no\"", "\"\u{301} odd", "two\nlines", " edge ", "tab\there", "crlf\r\nend",
        ]
        let data = Dataset(
            path: "x", labels: ["a", "b,c"],
            examples: texts.enumerated().map { Example(text: $1, label: .one(Int32($0 % 2))) })
        try scratch.write(DrawFile.text(data), "draw.csv")
        let read = try DatasetReader.read(scratch.file("draw.csv"))
        #expect(read.examples.map(\.text) == texts && read.labels == ["a", "b,c"])
        #expect(read.examples.map(\.classNumber) == data.examples.map(\.classNumber))
        let pairs = Dataset(
            path: "x", labels: ["a"], examples: [Example(text: "one", pair: "two, three", label: .one(0))])
        #expect(DrawFile.text(pairs) == "label,text,text_pair\na,one,\"two, three\"\n")
    }
}

/// Whether a text is XML.
private final class XMLDocumentCheck {
    var problem = ""

    /// Tags that match, attributes in quotes, and no bare `<` or `&`.
    func isWellFormed(_ text: String) -> Bool {
        var open: [Substring] = []
        var rest = text[...]
        while let start = rest.firstIndex(of: "<") {
            guard rest[..<start].wholeMatch(of: /(?s)([^&<>]|&(amp|lt|gt|quot);)*/) != nil,
                let match = rest[start...].prefixMatch(
                    of: /<(\/?)([a-z]+)(( [a-zA-Z-]+="[^"<&]*(&(amp|lt|gt|quot);[^"<&]*)*")*)(\/?)>/)
            else {
                problem = String(rest[start...].prefix(120))
                return false
            }
            if match.1 == "/" {
                guard open.popLast() == match.2 else {
                    problem = "</\(match.2)>"
                    return false
                }
            } else if match.7.isEmpty {
                open.append(match.2)
            }
            rest = rest[match.range.upperBound...]
            // A style sheet has braces and no markup.
            if match.2 == "style", let end = rest.range(of: "</style>"), match.1.isEmpty {
                rest = rest[end.lowerBound...]
            }
        }
        problem = "left open: \(open)"
        return open.isEmpty
    }
}
