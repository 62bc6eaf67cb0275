import Cluster
import Foundation
import Subprocess
import Support
import SystemPackage

/// Makes a trial: a run of this program in a process of its own, whose output goes to a log.
struct TrialRunner: Sendable {
    /// The folder of the trial.
    let folder: String
    /// Of `train`, without `--output`.
    let arguments: [String]
    /// Whether the model stays.
    let keepsModel: Bool

    /// The run directory of a trial that has ended well.
    private var run: String { "\(folder)/run" }
    /// Until then it is a folder of this process alone: a trial may go on for a while after a benchmark that was
    /// killed.
    private var attempt: String { "\(folder)/\(Self.attemptPrefix)\(getpid())" }
    private static let attemptPrefix = "attempt-"
    private var log: String { "\(folder)/log.txt" }
    /// Seconds that a trial gets to end by itself when the benchmark is interrupted.
    private static let graceSeconds = 10
    /// Bytes of a log, or of a result, that are looked at.
    private static let limit = 64 << 20

    /// What `result.json` says of a run that is complete.
    private struct RunFile: Decodable {
        var test: [String: Double]
        var seconds: Double
        var weights: String

        enum CodingKeys: String, CodingKey {
            case test
            case seconds = "wall_seconds"
            case weights = "weights_sha256"
        }
    }

    /// Runs the trial to its end; what went wrong with it is in the result.
    ///
    /// - Throws: `CancellationError` where the benchmark was interrupted meanwhile; an error that names the folder
    ///   where the trial's cannot be written.
    func result(of trial: FewShotTrial) async throws -> FewShotResult {
        var result = FewShotResult(trial)
        // Of a benchmark that was killed; one may be about to make its folder.
        try await RunStopper.endAll(writingTo: "\(folder)/\(Self.attemptPrefix)", within: Double(Self.graceSeconds))
        for name in FlatFolder.names(in: folder) ?? [] where name.hasPrefix(Self.attemptPrefix) {
            let old = "\(folder)/\(name)"
            try await RunStopper.end(old, within: Double(Self.graceSeconds))
            // One that has gone on after a benchmark that was killed may be complete.
            if Self.found(old) != nil { putInPlace(old) }
            try? FileManager.default.removeItem(atPath: old)
        }
        if take(&result) { return result }
        try makeFolder()
        let problem = try await start()
        try Task.checkCancellation()
        if problem == nil, Self.found(attempt) != nil { putInPlace(attempt) }
        if take(&result) { return result }
        result.error = lastLine ?? problem ?? "the run has written no result.json"
        return result
    }

    /// What a run that is complete has found; nil where there is none.
    private static func found(_ run: String) -> RunFile? {
        let data = (try? RegularFile.readIfPresent("\(run)/result.json", limit: limit)).flatMap { $0 }
        return data.flatMap { try? JSONDecoder().decode(RunFile.self, from: $0) }
    }

    private func putInPlace(_ attempt: String) {
        try? FileManager.default.removeItem(atPath: run)
        rename(attempt, run)
    }

    /// Reads what the trial has found; false where it has not ended well.
    private func take(_ result: inout FewShotResult) -> Bool {
        guard let found = Self.found(run) else { return false }
        (result.test, result.seconds, result.weightsSHA256) = (found.test, found.seconds, found.weights)
        if !keepsModel {
            for name in ["model", "checkpoints"] { try? FileManager.default.removeItem(atPath: "\(run)/\(name)") }
        }
        return true
    }

    /// A folder with the command, to be repeated by hand.
    private func makeFolder() throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try? FileManager.default.removeItem(atPath: run)
            // A run that goes on may write to the old one.
            unlink(log)
        } catch {
            throw FewShotBenchmarkError("cannot make the folder \(folder): \(error.localizedDescription)")
        }
        let words = (["train"] + arguments + ["--output", "run"]).map { shellQuoted($0) }
        try DurableFile.write(
            Data("\(CommandName.current) \(words.joined(separator: " "))\n".utf8), to: "\(folder)/command.txt")
    }

    /// Starts the process and waits for it; nil where it has ended well.
    private func start() async throws -> String? {
        let output = try FileDescriptor.open(
            FilePath(log), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: FilePermissions(rawValue: 0o644))
        defer { try? output.close() }
        var options = PlatformOptions()
        // A group of its own: Ctrl-C at the terminal is for the benchmark, which ends its trials in good order.
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, allowedDurationToNextStep: .seconds(Self.graceSeconds))
        ]
        do {
            let result = try await Subprocess.run(
                .path(FilePath(OwnExecutable.path)),
                arguments: Arguments(["train"] + arguments + ["--output", attempt]), platformOptions: options,
                input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(output, closeAfterSpawningProcess: false))
            return result.terminationStatus.isSuccess ? nil : "the run ended with \(result.terminationStatus)"
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            return "the run could not be started: \(error)"
        }
    }

    /// The last line of the log.
    private var lastLine: String? {
        let data = (try? RegularFile.readIfPresent(log, limit: Self.limit)).flatMap { $0 }
        let lines = String(decoding: data ?? Data(), as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last { !$0.allSatisfy(\.isWhitespace) }.map { String($0).printable(limit: 1000) }
    }
}
