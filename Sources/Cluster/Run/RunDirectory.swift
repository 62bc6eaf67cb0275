import Foundation

/// The folder that a run writes.
final class RunDirectory {
    let path: String
    private let madeFolder: Bool
    private var metrics: FileHandle?
    private(set) var isOpen = false

    var modelPath: String { path + "/model" }
    var resultPath: String { path + "/result.json" }

    /// Makes the folder, and makes sure that it is empty and can be written to.
    init(_ path: String) throws {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
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
                throw RunError.failed(
                    "--output: the folder \(path) is not empty; choose another, or remove it: rm -r \(path)")
            }
        }
        guard Self.makeFolders(self.path) else {
            throw RunError.failed(
                "--output: cannot make the folder \(path): \(String(cString: strerror(errno))); choose another")
        }
        madeFolder = !existed
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
    func start(_ configuration: RunConfiguration) throws {
        let header = "# The resolved configuration of this run; again: shoal train --config THIS --output ELSEWHERE\n"
        // Whoever reads it later may stand in another folder.
        var resolved = configuration
        resolved.model = Self.absolute(configuration.model)
        resolved.train = Self.absolute(configuration.train)
        resolved.validation = configuration.validation.map(Self.absolute)
        resolved.test = configuration.test.map(Self.absolute)
        resolved.output = Self.absolute(configuration.output)
        try DurableFile.write(Data((header + resolved.yaml()).utf8), to: path + "/run.yaml")
        let file = path + "/metrics.jsonl"
        guard FileManager.default.createFile(atPath: file, contents: nil),
            let handle = FileHandle(forWritingAtPath: file)
        else { throw RunError.failed("cannot write \(file): \(String(cString: strerror(errno)))") }
        metrics = handle
        isOpen = true
    }

    /// Adds a line to metrics.jsonl.
    func append(_ line: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = try encoder.encode(line) + Data("\n".utf8)
        do {
            try metrics?.write(contentsOf: bytes)
        } catch {
            throw RunError.failed("cannot write \(path)/metrics.jsonl: \(Self.reason(error)); is the disk full?")
        }
    }

    /// Writes result.json: the last thing that a run does.
    func finish(_ result: RunResult) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try metrics?.synchronize()
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
    static func write(_ data: Data, to path: String) throws {
        let temporary = path + ".partial-\(getpid())"
        func fail(_ what: String) -> RunError {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            return .failed("cannot \(what) \(path): \(reason)")
        }
        let descriptor = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fail("write") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do { try handle.write(contentsOf: data) } catch { throw fail("write") }
        guard fsync(descriptor) == 0 else { throw fail("write") }
        guard rename(temporary, path) == 0 else { throw fail("give its name to") }
    }
}
