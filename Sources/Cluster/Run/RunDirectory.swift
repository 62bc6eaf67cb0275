import Checkpoint
import Foundation
import Inference
import Support

/// The folder that a run writes.
final class RunDirectory {
    /// Where it is: another place than was promised once it was moved or replaced, see ``checkIntegrity()``.
    var path: String
    /// Where it was to be.
    let promisedPath: String
    private let madeFolder: Bool
    var metrics: Int32 = -1
    /// Lines that the disk had no room for.
    var unwritten: [UInt8] = []
    /// Bytes of metrics.jsonl that were written.
    var metricsBytes = 0
    /// The folder itself, open; locked as long as this process works here.
    var folder: Int32 = -1
    /// The small files, as they were written, by name: to be written again where they are lost.
    var smallFiles: [String: (data: Data, mode: mode_t)] = [:]
    /// What was warned about already.
    var warnedOf: Set<RunDirectoryProblem> = []
    private(set) var isOpen = false
    /// Worth a warning.
    private(set) var warnings: [String] = []

    /// Trials of methods, of which a run directory may be made before the run begins; see `MethodComparison`.
    static let trialsFolder = "trials"

    var modelPath: String { path + "/model" }
    var resultPath: String { path + "/result.json" }

    /// Makes the folder, and makes sure that it is empty and can be written to.
    init(_ path: String) throws {
        self.path = Self.normal(path)
        promisedPath = self.path
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
            guard names.allSatisfy({ $0 == Self.trialsFolder }) else {
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
        promisedPath = self.path
        madeFolder = false
        _ = try Self.configurationFile(of: path)
        try probe()
        try takeLock()
        // No other process writes here now.
        try AtomicDirectory.removeLeftovers(in: self.path)
        let checkpoints = self.path + "/" + CheckpointFolder.collection
        // Not through a link.
        if FlatFolder.isFolder(checkpoints) { try AtomicDirectory.removeLeftovers(in: checkpoints) }
    }

    deinit {
        if metrics >= 0 { close(metrics) }
        if folder >= 0 { close(folder) }
    }

    /// Makes sure that no other coordinator works here: the kernel lets go of the lock when this process ends, however
    /// it ends.
    func takeLock() throws {
        if folder >= 0 { close(folder) }
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            throw RunError.failed("--output: cannot open the folder \(path): \(String(cString: strerror(errno)))")
        }
        if let warning = try Self.lockWarning(FileLock.take(folder), path) { warnings.append(warning) }
    }

    /// What to warn about after an attempt to lock the folder; throws if another process has it.
    static func lockWarning(_ outcome: FileLock.Outcome, _ path: String) throws(RunError) -> String? {
        switch outcome {
        case .taken: nil
        case .heldByAnother:
            throw .failed(
                RunState(of: path, isLocked: true).described(path.printable(limit: 1000))
                    + "; look at it with `\(CommandName.line("status", path))`, end it with "
                    + "`\(CommandName.line("stop", path))`")
        case .unsupported(let reason):
            "\(path) cannot be locked (\(reason)): see to it that no other shoal works there at the same time"
        }
    }

    /// The folder's real path, and its inode.
    var identity: (path: String, inode: UInt64)? {
        var info = stat()
        guard fstat(folder, &info) == 0, let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return (String(cString: real), UInt64(info.st_ino))
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
        // A later reader may have another working directory.
        var resolved = configuration
        resolved.model = absolutePath(configuration.model)
        resolved.train = absolutePath(configuration.train)
        resolved.validation = configuration.validation.map(absolutePath)
        resolved.test = configuration.test.map(absolutePath)
        resolved.output = absolutePath(configuration.output)
        resolved.labels = configuration.labels.map(absolutePath)
        resolved.unlabeled = configuration.unlabeled.map(absolutePath)
        resolved.adapter = configuration.adapter.map(absolutePath)
        resolved.classWeights = configuration.classWeights.map { $0 == TaskOptions.balanced ? $0 : absolutePath($0) }
        resolved.teacher =
            configuration.teacher == nil
            ? nil : configuration.teachers.map(absolutePath).joined(separator: ",")
        try writeSmall(try coordinator.json(), to: CoordinatorFile.name, mode: CoordinatorFile.mode)
        try writeSmall(Data((header + resolved.yaml()).utf8), to: "run.yaml", mode: 0o644)
        if metrics < 0 { try openMetrics() }
        isOpen = true
    }

    private func writeSmall(_ data: Data, to name: String, mode: mode_t) throws {
        try DurableFile.write(data, to: "\(path)/\(name)", mode: mode)
        smallFiles[name] = (data, mode)
    }

    var metricsPath: String { path + "/metrics.jsonl" }

    func openMetrics() throws {
        // To be read too: see `checkIntegrity`. What is no regular file is refused, not waited for.
        metrics = open(metricsPath, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o644)
        var info = stat()
        guard metrics >= 0, fstat(metrics, &info) == 0 else {
            throw RunError.failed("cannot write \(metricsPath): \(String(cString: strerror(errno)))")
        }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw RunError.failed("cannot write \(metricsPath): it is not a regular file")
        }
        metricsBytes = Int(info.st_size)
    }

    /// Takes from metrics.jsonl what lies beyond `step`, and what was cut off by the death of a coordinator; see
    /// ``MetricsLog/upTo(_:isPhaseBeginning:)``.
    func rewindMetrics(to step: Int, isPhaseBeginning: Bool = false) throws {
        // Lines for which there was no room belong to it, too.
        let written: Data?
        do throws(RegularFile.Problem) {
            written = try RegularFile.readIfPresent(metricsPath, limit: MetricsLog.maxBytes)
        } catch { throw RunError.failed(error.description) }
        let text = (written ?? Data()) + Data(unwritten)
        let kept = MetricsLog(text).upTo(step, isPhaseBeginning: isPhaseBeginning).map { $0.text + "\n" }.joined()
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
        unwritten += [UInt8](try StableJSON.line(line)) + [UInt8(ascii: "\n")]
        return flush()
    }

    func flush() -> Bool {
        while metrics >= 0, !unwritten.isEmpty {
            let count = unwritten.withUnsafeBytes { write(metrics, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            unwritten.removeFirst(count)
            metricsBytes += count
        }
        return true
    }

    /// Writes status.json; errors are ignored, as on a full disk: it is best effort.
    func show(_ status: RunStatus) {
        guard isOpen else { return }
        try? DurableFile.write(Data((status.json() + "\n").utf8), to: path + "/status.json", isFlushed: false)
    }

    /// Writes result.json: the last thing that a run does.
    func finish(_ result: RunResult) throws {
        guard flush(), fsync(metrics) == 0 else {
            throw RunError.failed("cannot write \(metricsPath): \(String(cString: strerror(errno))); is the disk full?")
        }
        try DurableFile.write(try StableJSON.document(result), to: resultPath)
        try checkResult()
    }

    /// Makes a folder and those above it; false leaves the reason in `errno`.
    static func makeFolders(_ path: String) -> Bool {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return true }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return false }
        return makeFolders(String(path[..<slash])) && (mkdir(path, 0o755) == 0 || errno == EEXIST)
    }

    /// Takes the folder away if this run made it and never got to write anything.
    func removeIfUnused() {
        if madeFolder, !isOpen { rmdir(path) }
    }

    private static func reason(_ error: any Error) -> String {
        let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
        return system.domain == NSPOSIXErrorDomain
            ? String(cString: strerror(Int32(system.code))) : error.localizedDescription
    }
}
