import Foundation
import Support

/// The folder of a few-shot benchmark: what its trials have in common, and what came of them.
///
/// `few-shot.json` has the settings, `trials.jsonl` a line for each trial that has ended, `trials/` a folder for each,
/// `draws/` the examples that they learn from. A benchmark that goes on takes the trials that are there; so one of
/// other settings is refused.
struct FewShotFolder {
    /// What decides on what comes of any trial, by what it is called in messages.
    typealias Settings = [String: String]

    let path: String
    /// Locked as long as this process works here.
    private let descriptor: Int32
    /// In the order in which they have ended.
    private(set) var results: [FewShotResult] = []

    private var settingsPath: String { "\(path)/few-shot.json" }
    private var resultsPath: String { "\(path)/trials.jsonl" }
    /// Bytes of a file that is read here, at most.
    private static let limit = 256 << 20

    /// Makes the folder, or goes on with it.
    ///
    /// - Throws: An error that says what is in the way.
    init(_ path: String, settings: Settings) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FewShotBenchmarkError("--output: cannot make the folder \(path): \(error.localizedDescription)")
        }
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.system(path, doing: "open the folder") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            close(descriptor)
            throw FewShotBenchmarkError("--output: another benchmark is at work in \(path); give another folder")
        }
        do {
            try takeUp(settings)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Lets go of the folder.
    func close() { Foundation.close(descriptor) }

    private func close(_ descriptor: Int32) { Foundation.close(descriptor) }

    private mutating func takeUp(_ settings: Settings) throws {
        if let known = try RegularFile.readIfPresent(settingsPath, limit: Self.limit) {
            guard let old = try? JSONDecoder().decode(Settings.self, from: known) else {
                throw FewShotBenchmarkError("\(settingsPath): cannot be read; give another --output")
            }
            for key in Set(old.keys).union(settings.keys).sorted() where old[key] != settings[key] {
                throw FewShotBenchmarkError(
                    "--output: the trials in \(path) have another \(key); give another folder for these, or the same "
                        + "\(key) to go on with those")
            }
            results = try read()
        } else {
            let names = (FlatFolder.names(in: path) ?? []).filter { PartialName.writer(of: $0) == nil }
            guard names.isEmpty else {
                throw FewShotBenchmarkError(
                    "--output: \(path) is not empty, and no folder of this benchmark; give another one")
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            try DurableFile.write(try encoder.encode(settings), to: settingsPath)
        }
        for folder in ["trials", "draws"] { mkdir("\(path)/\(folder)", 0o755) }
    }

    private func read() throws -> [FewShotResult] {
        guard let data = try RegularFile.readIfPresent(resultsPath, limit: Self.limit) else { return [] }
        var results: [FewShotResult] = []
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            let result = try result(line, number + 1)
            if let first = results.firstIndex(where: {
                $0.k == result.k && $0.seed == result.seed && $0.method == result.method
            }) {
                throw FewShotBenchmarkError(
                    "\(resultsPath): line \(number + 1) is of the same trial as line \(first + 1); take one of them out"
                )
            }
            results.append(result)
        }
        return results
    }

    private func result(_ line: Data.SubSequence, _ number: Int) throws(FewShotBenchmarkError) -> FewShotResult {
        do { return try JSONDecoder().decode(FewShotResult.self, from: Data(line)) } catch {
            throw FewShotBenchmarkError(
                "\(resultsPath): line \(number) is no result of a trial; take it out, and the trial is made again")
        }
    }

    /// Keeps what came of a trial, in place of a failure of it before.
    mutating func add(_ result: FewShotResult) throws {
        results.removeAll { $0.k == result.k && $0.seed == result.seed && $0.method == result.method }
        results.append(result)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Data()
        for result in results {
            text += try encoder.encode(result)
            text.append(UInt8(ascii: "\n"))
        }
        try DurableFile.write(text, to: resultsPath)
    }

    /// Whether a trial has ended well.
    func hasFinished(_ trial: FewShotTrial) -> Bool { results.contains { $0.isOf(trial) && $0.test != nil } }
}
