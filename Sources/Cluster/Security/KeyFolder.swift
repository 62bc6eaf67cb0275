import Collectives
import Foundation
import Support

/// A folder of keys, as `shoal keygen` makes it.
///
///     coordinator.key            the coordinator's secret key; stays where the coordinator runs
///     coordinator.pub            its public key
///     workers.allow              the public keys of the workers that it lets in, with their names
///     workers/NAME/worker.key    a worker's secret key
///     workers/NAME/coordinator.pub
///
/// `workers/NAME` goes to that worker's machine as a whole.
public struct KeyFolder: Sendable {
    static let coordinatorKey = "coordinator.key"
    static let coordinatorPublic = "coordinator.pub"
    static let allowList = "workers.allow"
    static let workerKey = "worker.key"

    /// The folder's path.
    public let path: String

    /// The folder at `path`, which may not be there yet.
    public init(_ path: String) { self.path = path }

    /// Where a worker's part is.
    public func workerFolder(_ name: String) -> String { "\(path)/workers/\(name)" }

    /// Makes what is missing: the coordinator's keys, and those of the workers called `names`.
    ///
    /// - Returns: whether the coordinator's keys are new.
    /// - Throws: ``RunError`` if a worker of that name has keys already, or a file cannot be written. Nothing is made
    ///   then.
    public func make(workers names: [String]) throws -> Bool {
        for name in names {
            guard Self.isName(name) else {
                throw RunError.failed(
                    "--worker \(name) cannot be the name of a folder: use letters, digits, '.', '_' and '-', at most 64"
                )
            }
        }
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw RunError.failed("--worker \(twice) is given twice")
        }
        try makeFolder(path)
        return try locked {
            for name in names
            where FileManager.default.fileExists(atPath: "\(workerFolder(name))/\(Self.workerKey)") {
                throw RunError.failed(
                    "\(workerFolder(name)) has a key already; to replace it, --revoke \(name) first")
            }
            return try makeLocked(names)
        }
    }

    private func makeLocked(_ names: [String]) throws -> Bool {
        let keyPath = "\(path)/\(Self.coordinatorKey)"
        let isNew = !FileManager.default.fileExists(atPath: keyPath)
        let coordinator = isNew ? try CurveKeyPair() : try KeyFile.readPair(keyPath)
        if isNew { try write(secret: coordinator, to: keyPath, of: "the coordinator") }
        try write("\(coordinator.publicKey)\n", to: "\(path)/\(Self.coordinatorPublic)", mode: 0o644)
        let listPath = "\(path)/\(Self.allowList)"
        if !FileManager.default.fileExists(atPath: listPath) {
            try write("# Workers that the coordinator lets in: public key, name\n", to: listPath, mode: 0o644)
        }
        for name in names {
            let pair = try CurveKeyPair()
            let folder = workerFolder(name)
            try makeFolder(folder)
            try write("\(coordinator.publicKey)\n", to: "\(folder)/\(Self.coordinatorPublic)", mode: 0o644)
            try write(secret: pair, to: "\(folder)/\(Self.workerKey)", of: name)
            // Last: who is in the list has a whole folder.
            var list = try listText(listPath)
            if !list.isEmpty, !list.hasSuffix("\n") { list += "\n" }
            try write(list + "\(pair.publicKey) \(name)\n", to: listPath, mode: 0o644)
        }
        return isNew
    }

    /// Revokes a worker's key: removes it from the list, and its folder.
    ///
    /// - Throws: ``RunError`` if there is no such worker.
    public func revoke(_ name: String) throws {
        try locked {
            let listPath = "\(path)/\(Self.allowList)"
            let keys = try AllowList.read(listPath).filter { $0.value == name }.map(\.key.description)
            guard !keys.isEmpty else { throw RunError.failed("\(listPath) has no worker called \(name)") }
            let lines = try listText(listPath).split(separator: "\n", omittingEmptySubsequences: true)
                .filter { line in !keys.contains { line.lowercased().contains($0) } }
            try write(lines.map { $0 + "\n" }.joined(), to: listPath, mode: 0o644)
            if Self.isName(name) { FlatFolder.remove(workerFolder(name)) }
        }
    }

    private func listText(_ listPath: String) throws(RunError) -> String {
        guard let data = try? RegularFile.read(listPath, limit: 1 << 20),
            let text = String(validating: data, as: UTF8.self)
        else {
            throw .failed("\(listPath) cannot be read as UTF-8 text")
        }
        return text
    }

    private func makeFolder(_ folder: String) throws(RunError) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .failed("the folder \(folder) cannot be made: \(error.localizedDescription)")
        }
        try KeyFile.checkFolder(folder)
    }

    /// Does something while no other `shoal keygen` changes the folder.
    private func locked<R>(_ body: () throws -> R) throws -> R {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else {
            throw RunError.failed("\(path) is no folder of keys: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        flock(descriptor, LOCK_EX)
        return try body()
    }

    private static func isName(_ name: String) -> Bool {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        return !name.isEmpty && name.utf8.count <= 64 && name.allSatisfy(allowed.contains) && !name.hasPrefix(".")
    }

    private func write(secret pair: CurveKeyPair, to path: String, of owner: String) throws {
        try write(
            "# Secret key of \(owner), for Shoal. No other user may read it.\n\(pair.secretHexadecimal)\n", to: path,
            mode: 0o600)
    }

    private func write(_ text: String, to path: String, mode: mode_t) throws {
        try DurableFile.write(Data(text.utf8), to: path, mode: mode)
    }
}

/// What a coordinator needs to let in only those that it knows.
public struct CoordinatorKeys: Sendable {
    let pair: CurveKeyPair
    /// The file of an ``AllowList``.
    let allowList: String

    /// Reads the keys in a folder.
    ///
    /// - Throws: ``RunError`` that names the file.
    public init(folder: String) throws(RunError) {
        try KeyFile.checkFolder(folder)
        let own = "\(folder)/\(KeyFolder.coordinatorKey)"
        if !FileManager.default.fileExists(atPath: own),
            FileManager.default.fileExists(atPath: "\(folder)/\(KeyFolder.workerKey)")
        {
            throw .failed(
                "--keys \(folder) has the keys of a worker; the coordinator needs the folder that those are from")
        }
        pair = try KeyFile.readPair(own)
        allowList = "\(folder)/\(KeyFolder.allowList)"
        _ = try AllowList.read(allowList)
    }
}

/// What a worker needs to be let in, and to know its coordinator.
public struct WorkerKeys: Sendable {
    let pair: CurveKeyPair
    let coordinator: CurvePublicKey

    /// Reads the keys in a folder: a worker's own, or else the coordinator's, which may ask itself too.
    ///
    /// - Throws: ``RunError`` that names the file.
    public init(folder: String) throws(RunError) {
        try KeyFile.checkFolder(folder)
        let own = "\(folder)/\(KeyFolder.workerKey)"
        let isCoordinators =
            !FileManager.default.fileExists(atPath: own)
            && FileManager.default.fileExists(atPath: "\(folder)/\(KeyFolder.coordinatorKey)")
        pair = try KeyFile.readPair(isCoordinators ? "\(folder)/\(KeyFolder.coordinatorKey)" : own)
        coordinator = try KeyFile.readPublic("\(folder)/\(KeyFolder.coordinatorPublic)")
    }

    /// The worker's public key.
    var publicKey: CurvePublicKey { pair.publicKey }

    /// What the control socket is given.
    var role: CurveRole { .client(pair, server: coordinator) }
}
