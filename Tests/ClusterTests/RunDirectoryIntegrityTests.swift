import Foundation
import Testing

@testable import Cluster

/// Run directories that are changed while the run goes on.
struct RunDirectoryIntegrityTests {
    private let scratch: String

    init() throws {
        scratch = NSTemporaryDirectory() + "shoal-place-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    }

    private func inRun(_ body: (RunDirectory) throws -> Void) throws {
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let directory = try RunDirectory("\(scratch)/run")
        try directory.start(
            RunConfiguration(model: "m", train: "t.csv", output: "\(scratch)/run"),
            CoordinatorFile(runID: "0af3", starts: 1, endpoint: "", isLocal: true, fingerprint: [:]))
        let isWritten = try directory.append(["step": 1])
        #expect(isWritten)
        #expect(directory.checkIntegrity() == [])
        try body(directory)
    }

    private func metrics(_ run: String) -> String? {
        try? String(contentsOfFile: "\(run)/metrics.jsonl", encoding: .utf8)
    }

    private func result(_ directory: RunDirectory) throws {
        try FileManager.default.createDirectory(atPath: directory.modelPath, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: directory.modelPath + "/model.safetensors"))
        try directory.finish(
            RunResult(
                steps: 2, weightsSHA256: "", wallSeconds: 1, tokensPerSecond: 1, examplesPerSecond: 1, workers: 1,
                secondsToFirstStep: 1))
    }

    @Test func `a log that is removed or replaced is written again`() throws {
        try inRun { directory in
            unlink("\(directory.path)/metrics.jsonl")
            let lines = directory.checkIntegrity()
            #expect(lines.count == 1 && lines.first?.contains("was removed or replaced") == true, "\(lines)")
            let isWritten = try directory.append(["step": 2])
            #expect(isWritten)
            #expect(metrics(directory.path) == "{\"step\":1}\n{\"step\":2}\n")
            try Data("else".utf8).write(to: URL(fileURLWithPath: "\(directory.path)/new"))
            rename("\(directory.path)/new", "\(directory.path)/metrics.jsonl")
            #expect(directory.checkIntegrity() == [], "it was said once")
            #expect(metrics(directory.path) == "{\"step\":1}\n{\"step\":2}\n")
            try result(directory)
        }
    }

    @Test func `a log that is cut short is named`() throws {
        try inRun { directory in
            truncate("\(directory.path)/metrics.jsonl", 0)
            #expect(directory.checkIntegrity().first?.contains("was cut short") == true)
            let isWritten = try directory.append(["step": 2])
            #expect(isWritten)
            #expect(metrics(directory.path) == "{\"step\":2}\n")
            #expect(directory.checkIntegrity() == [])
        }
    }

    @Test func `small files that are removed are written again`() throws {
        try inRun { directory in
            for name in ["run.yaml", "coordinator.json"] { unlink("\(directory.path)/\(name)") }
            #expect(directory.checkIntegrity().first?.contains("it is written again") == true)
            let file = try CoordinatorFile.read(directory.path)
            #expect(file?.runID == "0af3")
            let options = try RunOptions(yamlFile: "\(directory.path)/run.yaml")
            #expect(options.model?.hasSuffix("/m") == true)
        }
    }

    @Test(arguments: [true, false]) func `a folder that is removed or moved is made again`(isMoved: Bool) throws {
        try inRun { directory in
            let path = directory.path
            if isMoved {
                rename(path, "\(scratch)/elsewhere")
            } else {
                try FileManager.default.removeItem(atPath: path)
            }
            let lines = directory.checkIntegrity()
            #expect(
                lines.first?.contains(isMoved ? "was moved to \(scratch)/elsewhere" : "was removed") == true, "\(lines)"
            )
            #expect(directory.path == path)
            let isWritten = try directory.append(["step": 2])
            #expect(isWritten)
            #expect(metrics(path) == "{\"step\":1}\n{\"step\":2}\n")
            try result(directory)
            #expect(throws: RunError.self, "it is locked again") { try RunDirectory(resuming: path) }
        }
    }

    @Test(arguments: [true, false])
    func `where something else is in its place the run ends with an error that names the model`(isMoved: Bool) throws {
        try inRun { directory in
            let path = directory.path
            if isMoved {
                rename(path, "\(scratch)/elsewhere")
            } else {
                try FileManager.default.removeItem(atPath: path)
            }
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(path)/diary.txt"))
            #expect(directory.checkIntegrity().first?.contains("something else is in its place") == true)
            let error = #expect(throws: RunError.self) { try result(directory) }
            let place = isMoved ? "\(scratch)/elsewhere" : "\(path).kept-\(getpid())"
            #expect(
                error?.description.contains("the model is in \(place)/model") == true, "\(String(describing: error))")
            #expect(FileManager.default.fileExists(atPath: "\(place)/model/model.safetensors"))
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(names == ["diary.txt"])
        }
    }

    @Test func `a model that is removed at once is missed`() throws {
        try inRun { directory in
            #expect(throws: RunError.self) {
                try directory.finish(
                    RunResult(
                        steps: 2, weightsSHA256: "", wallSeconds: 1, tokensPerSecond: 1, examplesPerSecond: 1,
                        workers: 1,
                        secondsToFirstStep: 1))
            }
        }
    }

    @Test func `a link or a device in the place of a file is not written through`() throws {
        try inRun { directory in
            #expect(mkfifo("\(scratch)/fifo", 0o600) == 0)
            unlink("\(directory.path)/metrics.jsonl")
            symlink("\(scratch)/fifo", "\(directory.path)/metrics.jsonl")
            #expect(throws: RunError.self) { try directory.rewindMetrics(to: 0) }
        }
    }
}
