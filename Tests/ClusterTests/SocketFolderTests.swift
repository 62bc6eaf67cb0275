import Foundation
import Testing

@testable import Cluster

struct SocketFolderTests {
    private func inScratch(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "sf-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @Test(arguments: [
        "ipc:///tmp/victim/control", "ipc:///tmp/shoal-abcdef/../victim/control", "ipc:///tmp/shoal-abcdef/data",
        "ipc:///tmp/shoal-abcdefg/control", "ipc:///tmp/shoal-abc/control", "ipc:///tmp/shoal-ab.def/control",
        "ipc://shoal-abcdef/control", "tcp://127.0.0.1:5555", "ipc:////shoal-abcdef/control", "", "ipc:///control",
        "ipc:///tmp/./shoal-abcdef/control",
    ])
    func `paths that shoal does not make are refused`(endpoint: String) {
        #expect(SocketFolder.path(of: endpoint) == nil)
        #expect(SocketFolder(endpoint: endpoint) == nil)
    }

    @Test func `nothing but sockets is removed`() throws {
        try inScratch { scratch in
            let path = "\(scratch)/shoal-abcdef"
            try FileManager.default.createDirectory(
                atPath: "\(path)/sub", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for name in ["sub/diary.txt", "control", "control-1"] {
                try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
            }
            do {
                let folder = try #require(SocketFolder(endpoint: "ipc://\(path)/control"))
                folder.remove()
            }
            SocketFolder.removeAbandoned(endpoint: "ipc://\(path)/control")
            for name in ["sub/diary.txt", "control", "control-1"] { #expect(exists("\(path)/\(name)")) }
        }
    }

    @Test func `folders of others, links, and folders that others may enter are refused`() throws {
        try inScratch { scratch in
            let endpoint = "ipc://\(scratch)/shoal-abcdef/control"
            #expect(mkdir("\(scratch)/real", 0o700) == 0)
            #expect(symlink("real", "\(scratch)/shoal-abcdef") == 0)
            #expect(SocketFolder(endpoint: endpoint) == nil)
            unlink("\(scratch)/shoal-abcdef")
            #expect(mkdir("\(scratch)/shoal-abcdef", 0o700) == 0 && chmod("\(scratch)/shoal-abcdef", 0o755) == 0)
            #expect(SocketFolder(endpoint: endpoint) == nil)
            #expect(exists("\(scratch)/shoal-abcdef"))
        }
    }

    @Test func `a folder where a coordinator works is not another's`() throws {
        try inScratch { scratch in
            let endpoint = "ipc://\(scratch)/shoal-abcdef/control"
            var first = SocketFolder(endpoint: endpoint)
            #expect(first != nil)
            // Locks of one process on two descriptors exclude each other as those of two processes do.
            #expect(SocketFolder(endpoint: endpoint) == nil)
            SocketFolder.removeAbandoned(endpoint: endpoint)
            #expect(exists("\(scratch)/shoal-abcdef"))
            first = nil
            #expect(!exists("\(scratch)/shoal-abcdef"))
            #expect(SocketFolder(endpoint: endpoint) != nil)
        }
    }

    @Test func `a folder that was removed is made again`() throws {
        try inScratch { scratch in
            let folder = try #require(SocketFolder(endpoint: "ipc://\(scratch)/shoal-abcdef/control"))
            try FileManager.default.removeItem(atPath: folder.path)
            #expect(!folder.isThere)
            #expect(folder.makeAgain())
            #expect(exists(folder.path))
            #expect(SocketFolder(endpoint: folder.endpoint) == nil, "it is locked again")
        }
    }

    @Test func `only another process that holds the lock is another shoal`() throws {
        #expect(FileLock.take(0) { _ in 0 } == .taken)
        #expect(FileLock.take(0) { _ in EWOULDBLOCK } == .heldByAnother)
        for code in [ENOSYS, ENOLCK, EOPNOTSUPP] {
            let outcome = FileLock.take(0) { _ in code }
            #expect(outcome == .unsupported(String(cString: strerror(code))))
            #expect(try RunDirectory.lockWarning(outcome, "runs/a")?.hasPrefix("runs/a cannot be locked (") == true)
        }
        #expect(throws: RunError.self) { try RunDirectory.lockWarning(.heldByAnother, "runs/a") }
        #expect(try RunDirectory.lockWarning(.taken, "runs/a") == nil)
        var interruptions = [EINTR, EINTR, 0]
        #expect(FileLock.take(0) { _ in interruptions.removeFirst() } == .taken)
    }

    @Test func `a process is known by when it was started and how it was called`() throws {
        let own = Int(getpid())
        let now = Date().timeIntervalSince1970
        #expect(LocalProcess.isRunning(own, since: now))
        #expect(!LocalProcess.isRunning(own, since: now - 1e6), "the number was another process's then")
        for pid in [0, -1, Int.max, Int(Int32.max)] { #expect(!LocalProcess.isRunning(pid, since: now)) }
        #expect(LocalProcess.isOwn(own, with: [CommandLine.arguments[0]]))
        #expect(!LocalProcess.isOwn(own, with: [String(CommandLine.arguments[0].dropLast())]))
    }

    @Test func `a copy of a run directory is another run`() throws {
        try inScratch { scratch in
            let (a, b) = ("\(scratch)/a", "\(scratch)/b")
            let first = try RunDirectory(a)
            var file = CoordinatorFile(runID: "0af3", starts: 1, endpoint: "", isLocal: true, fingerprint: [:])
            #expect(file.isOf(first.identity), "an older version's file says nothing about it")
            (file.path, file.inode) = (first.identity?.path, first.identity?.inode)
            #expect(file.isOf(first.identity))
            try FileManager.default.copyItem(atPath: a, toPath: b)
            #expect(!file.isOf(try RunDirectory(b).identity))
        }
    }
}
