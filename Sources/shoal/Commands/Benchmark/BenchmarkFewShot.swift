import ArgumentParser
import Benchmarks
import Cluster
import Corpus
import Foundation
import Support
import Synchronization

struct BenchmarkFewShot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "few-shot",
        abstract: "Compares methods by their accuracy with few examples of each class.",
        discussion: """
            A trial for each method, number of examples and seed: a `train` of its own with --shots and --seed, whose \
            output goes to a log. The same command goes on where it was stopped. Writes few-shot.md (mean and 95% confidence \
            interval over the seeds), few-shot.svg, trials.jsonl and draws/, what the trials learn from. Options behind -- \
            go to every trial: `… -- --max-length 64`.
            """)

    @Option(
        help: ArgumentHelp("The folder of a model, or the name of one that shoal fetch has brought.", valueName: "dir"),
        transform: UserPath.argument)
    var model: String
    @Option(
        help: ArgumentHelp(
            "A folder with train.csv and test.csv, or the name of data that shoal fetch has brought.",
            valueName: "dir|name"), transform: UserPath.argument)
    var data: String?
    @Option(help: ArgumentHelp("The examples to draw from.", valueName: "file"), transform: UserPath.argument)
    var train: String?
    @Option(help: ArgumentHelp("The examples to test with.", valueName: "file"), transform: UserPath.argument)
    var test: String?
    @Option(
        help: ArgumentHelp("Descriptions of the classes, for methods that take them.", valueName: "file"),
        transform: UserPath.argument)
    var labels: String?
    @Option(
        help: ArgumentHelp("Texts without labels, for methods that take them.", valueName: "file"),
        transform: UserPath.argument)
    var unlabeled: String?
    @Option(
        name: .customLong("k"), help: ArgumentHelp("Examples of each class, with commas between.", valueName: "counts"))
    var shots = "4,8,16,32"
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Draws of each number of examples: the seeds 0, 1, … of train.", valueName: "count"))
    var seeds = 5
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Methods of train, with commas between; or one with options of its own, in quotes: "
                + "probe \"finetune --epochs 20\".", valueName: "names"))
    var methods = ["probe,finetune"]
    @Option(help: ArgumentHelp("The metric of the table, as result.json names it.", valueName: "name"))
    var metric = "accuracy"
    @Option(
        help: ArgumentHelp("The folder to write, or to go on with.", valueName: "dir"), transform: UserPath.argument)
    var output: String
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Trials side by side (default: one for each --threads processors, \(Defaults.threads) here).",
            valueName: "count"))
    var parallel: Int?
    @Option(parsing: .unconditional, help: ArgumentHelp("Compute threads of a trial.", valueName: "count"))
    var threads = 1
    @Flag(help: "Keeps the models of all trials.")
    var keepModels = false
    @OptionGroup var shown: BenchmarkOutput
    @Argument(parsing: .postTerminator, help: ArgumentHelp("Options of train for every trial.", valueName: "options"))
    var options: [String] = []

    func validate() throws {
        _ = try counts()
        do { _ = try FewShotVariant.read(methods) } catch { throw ValidationError(error.description) }
        try checkPositive("seeds", seeds, upTo: 10_000)
        try checkPositive("threads", threads, upTo: 1024)
        if let parallel { try checkPositive("parallel", parallel, upTo: 4096) }
        if data != nil, train != nil || test != nil {
            throw ValidationError("--data names both files: leave out --train and --test, or give them without --data")
        }
        if data == nil, train == nil || test == nil {
            throw ValidationError("give --train and --test, or a folder that has both with --data")
        }
    }

    /// The numbers of `--k`, ascending.
    private func counts() throws -> [Int] {
        let parts = shots.split(separator: ",", omittingEmptySubsequences: false)
        let counts = parts.map { Int($0.trimmingCharacters(in: .whitespaces)) ?? 0 }
        guard counts.allSatisfy({ (1...1_000_000).contains($0) }) else {
            throw ValidationError("--k is \(shots.printable(limit: 80)), but must be numbers from 1 on, such as 4,8,16")
        }
        return Set(counts).sorted()
    }

    mutating func run() async throws {
        let (train, test) = try files()
        let model = try ModelPath.resolve(model)
        let variants = try FewShotVariant.read(methods)
        var common = ["--model", model, "--train", train, "--test", test]
        // Before what is behind --, which may say otherwise.
        common += ["--workers", "1", "--threads-per-worker", "\(threads)"]
        var benchmark = FewShotBenchmark(
            title: "\(Self.name(model)) on \(data.map { Self.name($0) } ?? Self.name(train))", output: output,
            variants: variants, shots: try counts(), seeds: (0..<UInt64(seeds)).map { $0 }, options: common + options)
        benchmark.metric = metric
        benchmark.parallel = parallel ?? max(1, Defaults.threads / threads)
        benchmark.keepsModels = keepModels
        let optional = [(key: "labels", value: labels), (key: "unlabeled", value: unlabeled)].compactMap { key, value in
            value.map { (key: key, value: absolutePath($0)) }
        }
        let configurations = try variants.map { try configuration($0, benchmark, optional) }
        for (key, _) in optional where !variants.contains(where: { $0.method.takes(key) }) {
            throw ValidationError("--\(key) has no effect: none of the methods takes it")
        }
        var sample = configurations[0]
        // Files that only some of the methods take decide, too.
        (sample.labels, sample.unlabeled) = (labels, unlabeled)
        var settings = try sample.fingerprint()
        settings["options behind --"] = options.joined(separator: " ")
        settings["version of shoal"] = Shoal.version
        let (frozen, known, drawn) = (benchmark, settings, configurations[0])
        let made = Box<FewShotBenchmark.Outcome>()
        try await Interruption.ending {
            made.value = try await frozen.run(settings: known, optional: optional) { shots, seed in
                var configuration = drawn
                (configuration.shots, configuration.seed) = (shots, seed)
                return try configuration.trainingExamples()
            } note: {
                StandardError.write($0)
            }
        }
        guard let outcome = made.value else { return }
        try shown.show(shown.json ? outcome.rows : outcome.table)
        StandardError.write("\(output)/few-shot.md and \(output)/few-shot.svg are written")
        guard outcome.failures == 0 else {
            throw RunError.failed(
                "\(plural(outcome.failures, "trial")) of \(benchmark.trials.count) failed: \(output)/few-shot.md says why; the "
                    + "same command tries \(outcome.failures == 1 ? "it" : "them") again")
        }
    }

    /// The configuration of a method's trials: what is wrong with it is said before the first one begins.
    private func configuration(
        _ variant: FewShotVariant, _ benchmark: FewShotBenchmark, _ optional: [(key: String, value: String)]
    ) throws -> RunConfiguration {
        let trial = FewShotTrial(variant: variant, shots: try counts()[0], seed: 0)
        let output = "\(output)/trials"
        let arguments = benchmark.arguments(of: trial, optional: optional) + ["--output", output]
        let configuration: RunConfiguration
        do {
            let command = try Train.parse(arguments)
            configuration = try command.run.resolve(command.local.given)
        } catch {
            let text = error is ConfigurationError ? "\(error)" : Train.message(for: error)
            throw ValidationError("the trials of \(variant.name): \(text)")
        }
        let own: [(String, Bool)] = [
            ("method", configuration.method == variant.method), ("shots", configuration.shots == trial.shots),
            ("seed", configuration.seed == trial.seed), ("output", configuration.output == output),
            ("model", configuration.model == (try ModelPath.resolve(model))),
            ("train", configuration.train == (try files().train)), ("test", configuration.test == (try files().test)),
        ]
        if let changed = own.first(where: { !$0.1 }) {
            throw ValidationError("the trials of \(variant.name): --\(changed.0) is the benchmark's own; leave it out")
        }
        return configuration
    }

    /// The files of `--train` and `--test`, or of `--data`.
    private func files() throws -> (train: String, test: String) {
        guard let data else { return (absolutePath(train ?? ""), absolutePath(test ?? "")) }
        var folder = absolutePath(data)
        if !FileManager.default.fileExists(atPath: data),
            let entry = DatasetCatalog.entries.first(where: { $0.name.lowercased() == data.lowercased() })
        {
            let cache = FetchCache(environment: ProcessInfo.processInfo.environment)
            guard !entry.isModel else { throw ValidationError("--data: \(entry.name) is a model; give data") }
            guard cache.has(entry) else {
                throw FileError(
                    entry.name, "is not there yet; bring it with: \(CommandName.current) fetch \(entry.name)")
            }
            folder = cache.folder(of: entry)
        }
        for name in ["train.csv", "test.csv"] where !FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
            throw FileError(
                "\(data)/\(name)",
                "there is no such file; give --train and --test, or a folder that has train.csv and test.csv"
            )
        }
        return ("\(folder)/train.csv", "\(folder)/test.csv")
    }

    private static func name(_ path: String) -> String {
        let name = (path as NSString).lastPathComponent
        return name == "train.csv" ? folderName(of: path) : name
    }

    /// The name of the folder that a file is in.
    private static func folderName(of file: String) -> String {
        ((file as NSString).deletingLastPathComponent as NSString).lastPathComponent
    }
}

/// A place for what a task has made.
private final class Box<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)
    var value: Value? {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
