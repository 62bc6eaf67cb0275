import Cluster
import Corpus
import Foundation
import Support

/// Compares methods by how accurate they are with few examples: for each method, number of examples and seed a trial,
/// several side by side. It can be killed, and goes on where it was.
public struct FewShotBenchmark: Sendable {
    /// What is shown above the table.
    public var title: String
    /// The folder that is written.
    public var output: String
    /// The methods, in the order of the table.
    public var variants: [FewShotVariant]
    /// Examples of each class.
    public var shots: [Int]
    /// A trial of each.
    public var seeds: [UInt64]
    /// The metric, by its name in `result.json`.
    public var metric = "accuracy"
    /// Trials side by side.
    public var parallel = 1
    /// Whether trials keep their models.
    public var keepsModels = false
    /// Options of `train` that all trials have, as they are given on the command line.
    public var options: [String]

    /// What of it is under way, and what came of it.
    private actor Progress {
        private let benchmark: FewShotBenchmark
        private var folder: FewShotFolder
        private var done: Int
        private let note: @Sendable (String) -> Void

        init(
            _ benchmark: FewShotBenchmark, _ folder: FewShotFolder, done: Int,
            note: @escaping @Sendable (String) -> Void
        ) {
            (self.benchmark, self.folder, self.done, self.note) = (benchmark, folder, done, note)
        }

        /// Keeps a result, and writes table and plot anew.
        func take(_ result: FewShotResult) throws {
            try folder.add(result)
            done += 1
            let what: String
            if let error = result.error {
                what = "failed: \(error)"
            } else {
                let value = result.test?[benchmark.metric].map { String(format: " %.4f", $0) } ?? ""
                what = "\(benchmark.metric)\(value) in \(String(format: "%.1f s", result.seconds ?? 0))"
            }
            note(
                "k = \(result.k), seed \(result.seed), \(result.method): \(what) (\(done) of \(benchmark.trials.count))"
            )
            try benchmark.write(try benchmark.summary(folder.results))
        }

        var results: [FewShotResult] { folder.results }
        func close() { folder.close() }
    }

    /// A benchmark of these methods.
    public init(
        title: String, output: String, variants: [FewShotVariant], shots: [Int], seeds: [UInt64], options: [String]
    ) {
        (self.title, self.output, self.variants) = (title, output, variants)
        (self.shots, self.seeds, self.options) = (shots, seeds, options)
    }

    /// All trials: those of a seed and a number of examples, which have a draw in common, after each other.
    public var trials: [FewShotTrial] {
        shots.sorted().flatMap { k in
            seeds.flatMap { seed in variants.map { FewShotTrial(variant: $0, shots: k, seed: seed) } }
        }
    }

    /// The command line of a trial behind `train`, without `--output`.
    ///
    /// - Parameter common: Options that not every method takes, by key, with their values.
    public func arguments(of trial: FewShotTrial, optional: [(key: String, value: String)]) -> [String] {
        var arguments = [
            "--method", trial.variant.method.rawValue, "--shots", "\(trial.shots)", "--seed", "\(trial.seed)",
        ]
        for (key, value) in optional where trial.variant.method.takes(key) {
            arguments += ["--\(key.replacing("_", with: "-"))", value]
        }
        return arguments + options + trial.variant.options
    }

    /// What was found, for a table or JSON.
    public struct Outcome: Sendable {
        /// For people.
        public var table: TextTable
        /// For programs.
        public var rows: TextTable
        /// Trials that have failed.
        public var failures: Int
    }

    /// Makes the trials that are not there yet, and writes `few-shot.md` and `few-shot.svg`.
    ///
    /// - Parameters:
    ///   - settings: What decides on what comes of a trial: a folder with trials of other settings is refused.
    ///   - optional: See ``arguments(of:optional:)``.
    ///   - draw: Draws the training examples of a number of examples and a seed.
    ///   - note: Called with a line for people about what happens, from any thread.
    /// - Throws: ``FewShotBenchmarkError`` where the folder does not fit, `CancellationError` after an interrupt.
    public func run(
        settings: [String: String], optional: [(key: String, value: String)],
        draw: (_ shots: Int, _ seed: UInt64) throws -> (examples: Dataset, warnings: [String]),
        note: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        let folder = try FewShotFolder(output, settings: settings)
        let waiting = trials.filter { !folder.hasFinished($0) }
        let progress = Progress(self, folder, done: trials.count - waiting.count, note: note)
        do {
            try writeDraws(draw, note)
            if waiting.count < trials.count {
                note("\(trials.count - waiting.count) of \(trials.count) trials are there")
            }
            try await make(waiting, optional, progress)
            let summary = try summary(await progress.results)
            try write(summary)
            await progress.close()
            return Outcome(table: summary.table, rows: summary.rows, failures: summary.failures.count)
        } catch {
            await progress.close()
            throw error
        }
    }

    private func make(
        _ waiting: [FewShotTrial], _ optional: [(key: String, value: String)], _ progress: Progress
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var next = waiting.makeIterator()
            func startNext() {
                guard let trial = next.next() else { return }
                let runner = TrialRunner(
                    folder: "\(output)/trials/\(trial.name)", arguments: arguments(of: trial, optional: optional),
                    keepsModel: keepsModels)
                group.addTask { try await progress.take(try await runner.result(of: trial)) }
            }
            for _ in 0..<max(1, parallel) { startNext() }
            while try await group.next() != nil { startNext() }
        }
        try Task.checkCancellation()
    }

    /// Writes what each seed draws, for other programs to learn from the same examples.
    private func writeDraws(
        _ draw: (_ shots: Int, _ seed: UInt64) throws -> (examples: Dataset, warnings: [String]),
        _ note: (String) -> Void
    ) throws {
        for k in shots.sorted() {
            for seed in seeds {
                let path = "\(output)/draws/k\(k)-seed\(seed).csv"
                guard !FileManager.default.fileExists(atPath: path) else { continue }
                let (examples, warnings) = try draw(k, seed)
                // They are the same for all seeds.
                if seed == seeds.first { for warning in warnings { note("warning: \(warning)") } }
                try DurableFile.write(Data(DrawFile.text(examples).utf8), to: path, isFlushed: false)
            }
        }
    }

    private func summary(_ results: [FewShotResult]) throws(FewShotBenchmarkError) -> FewShotSummary {
        try FewShotSummary(
            results, title: title, metric: metric, variants: variants, shots: shots, seeds: seeds)
    }

    private func write(_ summary: FewShotSummary) throws(FileError) {
        let plot = "few-shot.svg"
        try DurableFile.write(Data(FewShotPlot(summary).svg.utf8), to: "\(output)/\(plot)", isFlushed: false)
        try DurableFile.write(
            Data(summary.markdown(plot: plot).utf8), to: "\(output)/few-shot.md", isFlushed: false)
    }
}
