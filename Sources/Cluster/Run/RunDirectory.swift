import Checkpoint
import Foundation
import Support

/// The folder that a run writes.
final class RunDirectory {
    let path: String
    private let madeFolder: Bool
    private var metrics: Int32 = -1
    /// Lines that the disk had no room for.
    private var unwritten: [UInt8] = []
    /// Locked as long as this process works here.
    private var lock: Int32 = -1
    private(set) var isOpen = false

    var modelPath: String { path + "/model" }
    var resultPath: String { path + "/result.json" }

    /// Makes the folder, and makes sure that it is empty and can be written to.
    init(_ path: String) throws {
        self.path = Self.normal(path)
        var isFolder: ObjCBool = false
        let existed = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        if existed {
            guard isFolder.boolValue else {
                throw RunError.failed("--output: \(path) is a file; give a folder that does not exist, or is empty")
            }
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
                throw RunError.failed("--output: cannot read the folder \(path): \(Self.reason(error))")
            }
            guard names.isEmpty else {
                throw RunError.failed(RunState(of: path).refusalAsOutput(path))
            }
        }
        guard Self.makeFolders(self.path) else {
            throw RunError.failed(
                "--output: cannot make the folder \(path): \(String(cString: strerror(errno))); choose another")
        }
        madeFolder = !existed
        try probe()
        try takeLock()
    }

    /// A path without a slash at its end.
    static func normal(_ path: String) -> String {
        path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The run.yaml of a run directory; throws an error that says so if it is none.
    static func configurationFile(of path: String) throws(RunError) -> String {
        let file = normal(path) + "/run.yaml"
        if FileManager.default.fileExists(atPath: file) { return file }
        throw .failed(
            RunState(of: path).refusalAsRun(path)
                ?? "\(RunState(of: path).described(path.printable(limit: 1000))), and has written nothing yet")
    }

    /// The folder of a run that is to go on.
    init(resuming path: String) throws {
        self.path = Self.normal(path)
        madeFolder = false
        _ = try Self.configurationFile(of: path)
        try probe()
        try takeLock()
        // Nobody else writes here now.
        try AtomicDirectory.removeLeftovers(in: self.path)
        let checkpoints = self.path + "/" + CheckpointFolder.collection
        if FileManager.default.fileExists(atPath: checkpoints) {
            try AtomicDirectory.removeLeftovers(in: checkpoints)
        }
    }

    deinit {
        if metrics >= 0 { close(metrics) }
        if lock >= 0 { close(lock) }
    }

    /// Makes sure that no other coordinator works here: the kernel lets go of the lock when this process ends, however
    /// it ends.
    private func takeLock() throws {
        lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw RunError.failed(
                RunState(of: path, isLocked: true).described(path.printable(limit: 1000))
                    + "; look at it with `\(CommandName.line("status", path))`, end it with "
                    + "`\(CommandName.line("stop", path))`")
        }
    }

    private func probe() throws {
        let probe = path + "/.probe-\(getpid())"
        let descriptor = open(probe, O_CREAT | O_EXCL | O_WRONLY, 0o600)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            removeIfUnused()
            throw RunError.failed("--output: cannot write to \(path): \(reason); choose another folder")
        }
        close(descriptor)
        unlink(probe)
    }

    /// Writes run.yaml and opens metrics.jsonl: from now on there is something to see.
    func start(_ configuration: RunConfiguration, _ coordinator: CoordinatorFile) throws {
        let header =
            "# The resolved configuration of this run; again: \(CommandName.current) train --config THIS --output ELSEWHERE\n"
        // Whoever reads it later may stand in another folder.
        var resolved = configuration
        resolved.model = Self.absolute(configuration.model)
        resolved.train = Self.absolute(configuration.train)
        resolved.validation = configuration.validation.map(Self.absolute)
        resolved.test = configuration.test.map(Self.absolute)
        resolved.output = Self.absolute(configuration.output)
        try coordinator.write(to: path)
        try DurableFile.write(Data((header + resolved.yaml()).utf8), to: path + "/run.yaml")
        if metrics < 0 { try openMetrics() }
        isOpen = true
    }

    private var metricsPath: String { path + "/metrics.jsonl" }

    private func openMetrics() throws {
        metrics = open(metricsPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard metrics >= 0 else {
            throw RunError.failed("cannot write \(metricsPath): \(String(cString: strerror(errno)))")
        }
    }

    /// Takes from metrics.jsonl what lies beyond `step`, and what was cut off by the death of a coordinator.
    func rewindMetrics(to step: Int) throws {
        // Lines for which there was no room belong to it, too.
        let text = (FileManager.default.contents(atPath: metricsPath) ?? Data()) + Data(unwritten)
        let kept = MetricsLog(text).upTo(step).map { $0.text + "\n" }.joined()
        try DurableFile.write(Data(kept.utf8), to: metricsPath)
        unwritten = []
        if metrics >= 0 { close(metrics) }
        metrics = -1
        try openMetrics()
        // It is not finished any more.
        unlink(resultPath)
    }

    /// Adds a line to metrics.jsonl.
    ///
    /// - Returns: false where the disk has no room for it: it is kept, and written with the next one.
    func append(_ line: some Encodable) throws -> Bool {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        unwritten += [UInt8](try encoder.encode(line)) + [UInt8(ascii: "\n")]
        return flush()
    }

    private func flush() -> Bool {
        while metrics >= 0, !unwritten.isEmpty {
            let count = unwritten.withUnsafeBytes { write(metrics, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            unwritten.removeFirst(count)
        }
        return true
    }

    /// Writes status.json, for whoever wants to look; a full disk is no matter here.
    func show(_ status: RunStatus) {
        guard isOpen else { return }
        try? Data((status.json() + "\n").utf8).write(to: URL(fileURLWithPath: path + "/status.json"), options: .atomic)
    }

    /// Writes result.json: the last thing that a run does.
    func finish(_ result: RunResult) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard flush(), fsync(metrics) == 0 else {
            throw RunError.failed("cannot write \(metricsPath): \(String(cString: strerror(errno))); is the disk full?")
        }
        try DurableFile.write(try encoder.encode(result) + Data("\n".utf8), to: resultPath)
    }

    /// Makes a folder and those above it; false leaves the reason in `errno`.
    private static func makeFolders(_ path: String) -> Bool {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return true }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return false }
        return makeFolders(String(path[..<slash])) && (mkdir(path, 0o755) == 0 || errno == EEXIST)
    }

    /// Takes the folder away if this run made it and never got to write anything.
    func removeIfUnused() {
        if madeFolder, !isOpen { rmdir(path) }
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    private static func reason(_ error: any Error) -> String {
        let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
        return system.domain == NSPOSIXErrorDomain
            ? String(cString: strerror(Int32(system.code))) : error.localizedDescription
    }
}

/// Writes small files whole or not at all.
enum DurableFile {
    static func write(_ data: Data, to path: String, mode: mode_t = 0o644) throws {
        let temporary = path + ".partial-\(getpid())"
        func fail(_ what: String) -> RunError {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            return .failed("cannot \(what) \(path): \(reason)")
        }
        let descriptor = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw fail("write") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do { try handle.write(contentsOf: data) } catch { throw fail("write") }
        guard fsync(descriptor) == 0 else { throw fail("write") }
        guard rename(temporary, path) == 0 else { throw fail("give its name to") }
    }
}
