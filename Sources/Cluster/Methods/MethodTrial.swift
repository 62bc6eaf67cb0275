import Corpus
import Crypto
import Foundation
import Inference
import Modeling
import Support
import Training

/// A method that is tried on a part of the labelled texts and tested on the rest, as a run of its own in a folder of
/// its own. What came of it is kept there, so that it is not done again where the whole is.
struct MethodTrial: Sendable {
    /// What is tried.
    enum Method: String, Sendable, CaseIterable {
        case probe
        case finetune
        case contrastive

        /// For people.
        var name: String { self == .finetune ? "finetune --head-first" : rawValue }

        /// The run by it.
        func applied(to run: RunConfiguration) -> RunConfiguration {
            var run = run
            switch self {
            case .probe: run.method = .probe
            case .contrastive: (run.method, run.choosesBatch) = (.contrastive, true)
            case .finetune: (run.method, run.headFirst) = (.finetune, true)
            }
            return run
        }
    }

    let method: Method
    /// The run, whose data are replaced.
    let base: RunConfiguration
    let training: [Example]
    let test: [Example]
    let labels: [String]
    /// Where it is kept.
    let folder: String

    /// What came of it.
    struct Outcome: Sendable, Codable, Equatable {
        /// Says what was done, by a hash of its options and data.
        var digest: String
        /// For each test text, whether it was recognised.
        var isRight: [Bool]
        /// Seconds that it took.
        var seconds: Double
        /// Seconds of one thread for a forward pass of a test text.
        var secondsPerText: Double
    }

    private static let resultFile = "outcome.json"

    /// What was found before; nil where nothing was, or something else was tried.
    func known() -> Outcome? {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(Self.resultFile)"),
            let outcome = try? JSONDecoder().decode(Outcome.self, from: data), outcome.digest == digest,
            outcome.isRight.count == test.count
        else { return nil }
        return outcome
    }

    /// Trains and tests.
    ///
    /// - Parameter events: Gets the warnings of the run.
    func run(_ workers: WorkerSource, events: @escaping @Sendable (RunEvent) -> Void) async throws -> Outcome {
        let start = monotonicSeconds()
        try? FileManager.default.removeItem(atPath: folder)
        try AtomicDirectory.makeFolders(folder)
        let run = configuration
        try DurableFile.write(lines(training), to: run.train)
        _ = try await TrainingRun(configuration: run, workers: workers) { event in
            if case .workerLost = event { events(event) }
        }.run()
        let (right, secondsPerText) = try recognised(run)
        let outcome = Outcome(
            digest: digest, isRight: right, seconds: monotonicSeconds() - start, secondsPerText: secondsPerText)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try DurableFile.write(try encoder.encode(outcome), to: "\(folder)/\(Self.resultFile)")
        try FileManager.default.removeItem(atPath: run.output)
        return outcome
    }

    private var configuration: RunConfiguration {
        var run = method.applied(to: base)
        (run.train, run.validation, run.test) = ("\(folder)/train.jsonl", nil, nil)
        run.output = "\(folder)/run"
        (run.textColumn, run.textPairColumn, run.labelColumn) = (nil, nil, nil)
        (run.shots, run.dropRareClasses, run.task) = (nil, false, Classification().name)
        // Texts without labels may be those that are held out.
        (run.unlabeled, run.classShares, run.budget) = (nil, nil, nil)
        (run.keepCheckpoints, run.checkpointEvery, run.checkpointMinutes) = (0, nil, nil)
        return run
    }

    /// Whether the model that the run has left recognises each of the texts that it has not seen, and the seconds that
    /// a text took.
    private func recognised(_ run: RunConfiguration) throws -> (isRight: [Bool], secondsPerText: Double) {
        let folder = try ModelFolder(path: "\(run.output)/model")
        let length = run.maxLength ?? min(RunConfiguration.defaultMaxLength, folder.configuration.encoder.maxLength)
        // One thread: how texts are put together, and so the last bits, would depend on their number.
        let pipeline = try TextPipeline(
            folder, threads: 1, maxLength: length, precision: run.precision)
        let start = monotonicSeconds()
        let outputs = try pipeline.outputs(test)
        let seconds = (monotonicSeconds() - start) / Double(max(1, test.count))
        let isRight = zip(outputs, test).map { output, example in
            let best = output.values.withUnsafeBufferPointer { CrossEntropy.prediction($0) }
            guard let number = example.classNumber, pipeline.labels.indices.contains(best) else { return false }
            return pipeline.labels[best] == labels[Int(number)]
        }
        return (isRight, seconds)
    }

    /// The examples as JSON Lines.
    private func lines(_ examples: [Example]) -> Data {
        var json = JSONWriter()
        for example in examples {
            json.raw("{\"label\": ")
            json.string(labels[Int(example.classNumber ?? 0)])
            json.raw(", \"text\": ")
            json.string(example.text)
            if let pair = example.pair {
                json.raw(", \"text_pair\": ")
                json.string(pair)
            }
            json.raw("}\n")
        }
        return Data(json.bytes)
    }

    /// Of all that the outcome depends on but the number of workers, and where things are.
    private var digest: String {
        var run = configuration
        (run.output, run.train) = ("", "")
        (run.workers, run.threadsPerWorker, run.pinWorkers, run.minWorkers) = (1, nil, false, 1)
        var hash = SHA256()
        hash.update(data: Data(run.yaml().utf8))
        for part in [lines(training), lines(test)] { hash.update(data: part) }
        return hash.finalize().map { String(format: "%02x", $0) }.joined()
    }
}
