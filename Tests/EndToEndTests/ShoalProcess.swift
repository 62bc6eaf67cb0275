import Foundation

/// A run of the built binary, with its output in files.
final class ShoalProcess {
    let process = Process()
    private let outputPath: String
    private let errorPath: String

    /// The binary beside this test bundle.
    static var binary: URL {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        // The bundle may be a folder of its own within the build folder.
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent("shoal")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return URL(fileURLWithPath: ".build/debug/shoal")
    }

    /// Starts it in `folder`.
    init(_ arguments: [String], in folder: String, input: String? = nil, environment: [String: String] = [:]) throws {
        let id = UUID().uuidString
        outputPath = "\(folder)/\(id).out"
        errorPath = "\(folder)/\(id).err"
        for path in [outputPath, errorPath] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        process.executableURL = Self.binary
        process.arguments = arguments
        // Sockets go into the test's own folder: a process that is killed cannot remove them. So do embeddings, which
        // another test must not find.
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["XDG_RUNTIME_DIR": folder, "SHOAL_CACHE": "\(folder)/cache"]
        ) { $1 }
        .merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        if let input {
            let path = "\(folder)/\(id).in"
            try Data(input.utf8).write(to: URL(fileURLWithPath: path))
            process.standardInput = FileHandle(forReadingAtPath: path)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
    }

    /// What it has printed so far.
    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    /// What it has complained of so far.
    var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }
    /// The line that says why it failed.
    var failure: String? { errors.split(separator: "\n").map(String.init).last { $0.hasPrefix("shoal: error: ") } }

    /// Waits for the end; nil if it takes longer than `seconds` (it is then killed).
    @discardableResult
    func wait(seconds: Double = 120) -> Int32? {
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning {
            if Date() > deadline {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                return nil
            }
            usleep(10_000)
        }
        return process.terminationStatus
    }

    /// The processes that it has started and that are there still, by their parent.
    var children: [Int32] { Self.processes { $0.parent == self.process.processIdentifier } }

    /// Processes that mention `text` on their command line.
    static func mentioning(_ text: String) -> [Int32] { processes { $0.command.contains(text) } }

    /// Whether a process is a worker whose sockets are in `folder`.
    static func isWorker(_ pid: Int32, of folder: String) -> Bool {
        processes { $0.command.contains("worker\0") && $0.command.contains(folder) }.contains(pid)
    }

    private static func processes(_ test: ((parent: Int32, command: String)) -> Bool) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { pid in
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let close = stat.lastIndex(of: ")")
            else { return false }
            let fields = stat[stat.index(after: close)...].split(separator: " ")
            // A zombie is over, though its exit code was not asked for.
            guard fields.count > 2, fields[0] != "Z", let parent = Int32(fields[1]) else { return false }
            let command = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
            return test((parent, command))
        }
    }

    /// Runs to the end.
    static func run(
        _ arguments: [String], in folder: String, input: String? = nil
    ) throws -> (code: Int32?, process: ShoalProcess) {
        let process = try ShoalProcess(arguments, in: folder, input: input)
        return (process.wait(), process)
    }
}

/// Waits until something is so; false if it takes longer than `seconds`.
func eventually(seconds: Double = 30, _ condition: () -> Bool) -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while !condition() {
        if Date() > deadline { return false }
        usleep(20_000)
    }
    return true
}
