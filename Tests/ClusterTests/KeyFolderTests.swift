import Collectives
import Foundation
import Logging
import Support
import Testing

@testable import Cluster

@Suite struct KeyFolderTests {
    /// A folder that is removed at the end.
    final class Scratch {
        let path = NSTemporaryDirectory() + "shoal-keys-\(UUID().uuidString.prefix(8))"
        init() throws {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func mode(_ name: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)"))?[.posixPermissions] as? Int ?? 0
        }
        func change(_ name: String, mode: mode_t) { chmod("\(path)/\(name)", mode) }
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        }
    }

    private func problem<R>(_ body: () throws -> R) -> String {
        do {
            return "nothing: \(try body())"
        } catch { return "\(error)" }
    }

    @Test func `a folder holds each one's keys, and nothing that others can read`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path + "/deep/keys")
        #expect(try folder.make(workers: ["a", "b-1"]))
        let coordinator = try CoordinatorKeys(folder: folder.path)
        let names = try AllowList.read(coordinator.allowList)
        #expect(Set(names.values) == ["a", "b-1"])
        for name in ["a", "b-1"] {
            let worker = try WorkerKeys(folder: folder.workerFolder(name))
            #expect(worker.coordinator == coordinator.pair.publicKey)
            #expect(names[worker.publicKey] == name)
        }
        for secret in ["coordinator.key", "workers/a/worker.key"] {
            #expect(scratch.mode("deep/keys/" + secret) == 0o600)
        }
        #expect(scratch.mode("deep/keys") == 0o700)
        // More workers later; the coordinator's keys stay.
        #expect(try !folder.make(workers: ["c"]))
        #expect(try CoordinatorKeys(folder: folder.path).pair.publicKey == coordinator.pair.publicKey)
        #expect(try AllowList.read(coordinator.allowList).count == 3)
        // The coordinator may ask itself.
        #expect(try WorkerKeys(folder: folder.path).publicKey == coordinator.pair.publicKey)
    }

    @Test func `what cannot be made is refused as a whole`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path + "/keys")
        for name in ["", ".hidden", "../up", "a/b", "ü", String(repeating: "x", count: 65), "a b"] {
            #expect(problem { try folder.make(workers: ["good", name]) }.contains("cannot be the name of a folder"))
        }
        #expect(problem { try folder.make(workers: ["a", "a"]) }.contains("--worker a is given twice"))
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        _ = try folder.make(workers: ["a"])
        #expect(
            problem { try folder.make(workers: ["new", "a"]) }.contains("has a key already; to replace it, --revoke a"))
        #expect(!FileManager.default.fileExists(atPath: folder.workerFolder("new")))
        try scratch.write("file", "")
        #expect(problem { try KeyFolder(scratch.path + "/file").make(workers: []) }.contains("\(scratch.path)/file"))
        #expect(problem { try KeyFolder(scratch.path + "/file/x").make(workers: []) }.contains("cannot be made"))
        scratch.change("keys", mode: 0o777)
        #expect(problem { try folder.make(workers: ["z"]) }.contains("others can put keys into"))
    }

    @Test func `two writers at a time lose nothing`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path + "/keys")
        let group = DispatchGroup()
        for number in 0..<8 {
            group.enter()
            Thread.detachNewThread {
                _ = try? folder.make(workers: ["w\(number)"])
                group.leave()
            }
        }
        group.wait()
        let coordinator = try CoordinatorKeys(folder: folder.path)
        #expect(try AllowList.read(coordinator.allowList).count == 8)
        for number in 0..<8 {
            #expect(
                try WorkerKeys(folder: folder.workerFolder("w\(number)")).coordinator == coordinator.pair.publicKey)
        }
    }

    @Test func `a revoked worker is gone, and may get a new key`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path)
        _ = try folder.make(workers: ["a", "ab"])
        let old = try WorkerKeys(folder: folder.workerFolder("a")).publicKey
        try folder.revoke("a")
        let list = scratch.path + "/workers.allow"
        #expect(try Array(AllowList.read(list).values) == ["ab"])
        #expect(!FileManager.default.fileExists(atPath: folder.workerFolder("a")))
        #expect(problem { try folder.revoke("a") }.contains("has no worker called a"))
        _ = try folder.make(workers: ["a"])
        #expect(try AllowList.read(list)[old] == nil)
        #expect(try AllowList.read(list).count == 2)
        #expect(problem { try KeyFolder(scratch.path + "/none").revoke("a") }.contains("is no folder of keys"))
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o644, 0o601])
    func `a secret that others can use is refused`(_ mode: Int) throws {
        let scratch = try Scratch()
        _ = try KeyFolder(scratch.path).make(workers: ["a"])
        for (name, read) in [
            ("coordinator.key", { _ = try CoordinatorKeys(folder: scratch.path) }),
            ("workers/a/worker.key", { _ = try WorkerKeys(folder: scratch.path + "/workers/a") }),
        ] as [(String, () throws -> Void)] {
            scratch.change(name, mode: mode_t(mode))
            #expect(
                problem(read).contains("\(name) can be used by others (mode \(String(mode, radix: 8)))"),
                "\(problem(read))")
            scratch.change(name, mode: 0o400)
            #expect(problem(read) == "nothing: ()")
        }
    }

    @Test func `what others can change is refused`() throws {
        let scratch = try Scratch()
        _ = try KeyFolder(scratch.path).make(workers: ["a"])
        for (name, read) in [
            ("workers.allow", { _ = try CoordinatorKeys(folder: scratch.path) }),
            ("workers/a/coordinator.pub", { _ = try WorkerKeys(folder: scratch.path + "/workers/a") }),
        ] as [(String, () throws -> Void)] {
            scratch.change(name, mode: 0o666)
            #expect(problem(read).contains("\(name) can be changed by others"), "\(problem(read))")
            scratch.change(name, mode: 0o644)
        }
        scratch.change("", mode: 0o777)
        #expect(problem { try CoordinatorKeys(folder: scratch.path) }.contains("others can put keys into"))
        scratch.change("", mode: 0o1777)
        #expect(problem { try CoordinatorKeys(folder: scratch.path) }.hasPrefix("nothing"), "sticky folders are safe")
    }

    @Test func `a folder that is none, or another's, is named`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path + "/keys")
        #expect(
            problem { try CoordinatorKeys(folder: folder.path) }.contains(
                "--keys \(folder.path) cannot be read (No such file"))
        _ = try folder.make(workers: ["a"])
        #expect(problem { try CoordinatorKeys(folder: folder.workerFolder("a")) }.contains("has the keys of a worker"))
        try scratch.write("keys/workers/a/worker.key", "nonsense")
        scratch.change("keys/workers/a/worker.key", mode: 0o600)
        #expect(problem { try WorkerKeys(folder: folder.workerFolder("a")) }.contains("worker.key holds no key"))
        try FileManager.default.removeItem(atPath: folder.path + "/workers/a/coordinator.pub")
        mkfifo(folder.path + "/workers/a/coordinator.pub", 0o600)
        scratch.change("keys/workers/a/worker.key", mode: 0o600)
        try scratch.write(
            "keys/workers/a/worker.key", "# one\n\n\(try CurveKeyPair().secretHexadecimal)\n")
        scratch.change("keys/workers/a/worker.key", mode: 0o600)
        #expect(problem { try WorkerKeys(folder: folder.workerFolder("a")) }.contains("coordinator.pub is no file"))
        try scratch.write("keys/workers.allow", "# good\n\nzz bad\n")
        #expect(problem { try CoordinatorKeys(folder: folder.path) }.contains("workers.allow, line 3: expected a key"))
    }

    @Test func `a list that changes is read again, and a broken one throws no worker out`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path)
        _ = try folder.make(workers: ["a", "b"])
        let keys = try ["a", "b"].map { try WorkerKeys(folder: folder.workerFolder($0)).publicKey }
        let lines = Lines()
        let list = try AllowList(path: scratch.path + "/workers.allow", logger: Logger(lines: { lines.add($0) }))
        #expect(list.name(keys[0]) == "a")
        try folder.revoke("a")
        #expect(list.name(keys[0]) == nil)
        #expect(!list.keeps(keys[0].description))
        #expect(list.name(keys[1]) == "b")
        // An editor has half written it: no new worker gets in, but those that are in stay.
        try scratch.write("workers.allow", "\(keys[1].description.prefix(20))")
        #expect(list.name(keys[1]) == nil)
        #expect(list.keeps(keys[1].description))
        #expect(!list.keeps(keys[0].description))
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("workers.allow, line 1: expected a key") == true)
        try scratch.write("workers.allow", "\(keys[1]) b\n\(keys[0].description.uppercased()) a again\n")
        #expect(list.name(keys[0]) == "a again")
        #expect(list.keeps(keys[0].description))
    }

    private final class Lines: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [String] = []
        func add(_ line: String) { lock.withLock { lines.append(line) } }
        var all: [String] { lock.withLock { lines } }
    }

    @Test func `failed handshakes say what is wrong`() throws {
        let scratch = try Scratch()
        let folder = KeyFolder(scratch.path)
        _ = try folder.make(workers: ["a"])
        let keys = try WorkerKeys(folder: folder.workerFolder("a"))
        var without = HandshakeProblem(endpoint: "tcp://h:1", keys: nil)
        #expect(
            without.diagnose(.mechanismMismatch)
                == "the coordinator at tcp://h:1 wants keys: give --keys (see shoal keygen)")
        var with = HandshakeProblem(endpoint: "tcp://h:1", keys: keys)
        #expect(with.diagnose(.mechanismMismatch)?.contains("has no keys") == true)
        #expect(with.diagnose(.denied)?.contains("(\(keys.publicKey))") == true)
        // Broken off now and then is nothing; again and again is.
        for _ in 0..<19 { #expect(with.diagnose(.handshakeCut) == nil) }
        #expect(with.hint != nil)
        #expect(with.diagnose(.handshakeSucceeded) == nil && with.hint == nil)
        for _ in 0..<19 { #expect(with.diagnose(.handshakeCut) == nil) }
        #expect(with.diagnose(.handshakeCut)?.contains("coordinator.pub is not its key") == true)
        #expect(with.diagnose(.other) == nil)
    }
}
