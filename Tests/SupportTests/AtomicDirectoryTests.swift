import Foundation
import TestSupport
import Testing

@testable import Support

@Suite struct AtomicDirectoryTests {
    struct Stop: Error {}
    @Test func `no process sees a part of it`() throws {
        let scratch = try Scratch()
        let path = scratch.file("d")
        try AtomicDirectory.create(path) { folder in
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/x"))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
        #expect(try scratch.names("d") == ["x"])
        #expect(try scratch.names() == ["d"])
    }

    @Test func `an error of the builder leaves nothing`() throws {
        let scratch = try Scratch()
        #expect(throws: Stop.self) {
            try AtomicDirectory.create(scratch.file("d")) { folder in
                try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/x"))
                throw Stop()
            }
        }
        #expect(try scratch.names() == [])
    }

    @Test func `replacing keeps the old one until the new one is whole`() throws {
        let scratch = try Scratch()
        let path = scratch.file("d")
        try AtomicDirectory.create(path) { try DurableFile.write(Data("old".utf8), to: $0 + "/old") }
        #expect(throws: Stop.self) { try AtomicDirectory.create(path, replacing: "old") { _ in throw Stop() } }
        #expect(try scratch.names("d") == ["old"])
        try AtomicDirectory.create(path, replacing: "old") { try DurableFile.write(Data("new".utf8), to: $0 + "/new") }
        #expect(try scratch.names("d") == ["new"])
        #expect(try scratch.names() == ["d"])
    }

    @Test func `a folder that is filled meanwhile is not overwritten`() throws {
        let scratch = try Scratch()
        let path = scratch.file("d")
        let message = failure {
            try AtomicDirectory.create(path) { _ in
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
                try scratch.write("mine", "d/mine")
            }
        }
        #expect(message.hasPrefix("\(path): the folder is not empty"))
        #expect(try scratch.names("d") == ["mine"])
        #expect(try scratch.names() == ["d"])
    }

    @Test func `a link to an empty folder is followed`() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.file("real"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: "real")
        try AtomicDirectory.create(scratch.file("link")) { try DurableFile.write(Data(), to: $0 + "/x") }
        #expect(try scratch.names("real") == ["x"])
        #expect(try scratch.names() == ["link", "real"])
    }

    @Test func `leftovers of killed writers are removed`() throws {
        let scratch = try Scratch()
        let left = temporarySibling(of: scratch.file("d"))
        try AtomicDirectory.makeFolders(left)
        try scratch.write("half", lastComponent(of: left) + "/weights")
        try scratch.write("half", "run.yaml.partial-\(getpid())")
        // Of a process that lives, and what only looks like ours.
        let kept = [".d.partial-1-x", ".hidden", ".mine.partial-", "x.partial-1x", "y.partial-99999999999"]
        for name in kept { try scratch.write("keep", name) }
        try AtomicDirectory.makeFolders(temporarySibling(of: scratch.file("e")) + "/inner")
        try AtomicDirectory.removeLeftovers(in: scratch.path)
        #expect(try scratch.names().filter { !$0.hasPrefix(".e.partial-") } == kept.sorted())
        #expect(try scratch.names().count == kept.count + 1, "a folder with a folder in it is none of ours")
    }

    @Test func `only a folder of files that shoal wrote is replaced`() throws {
        let scratch = try Scratch()
        for folder in ["thesis", "model/notes"] { try AtomicDirectory.makeFolders(scratch.file(folder)) }
        func replace(_ name: String) -> String {
            failure { try AtomicDirectory.create(scratch.file(name), replacing: "config.json") { _ in } }
        }
        try scratch.write("mine", "thesis/chapter.tex")
        #expect(replace("thesis").contains("holds files, but no config.json"))
        try scratch.write("{}", "model/config.json")
        try scratch.write("mine", "model/notes/diary.txt")
        #expect(replace("model").contains("model/notes: this folder was not made by shoal"))
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: "thesis")
        #expect(replace("link").contains("a link or a file"))
        #expect(try scratch.names("thesis") == ["chapter.tex"] && scratch.names("model/notes") == ["diary.txt"])
        #expect(throws: FileError.self) { try AtomicDirectory.removeWhole(scratch.file("model")) }
        #expect(throws: FileError.self) { try AtomicDirectory.removeWhole(scratch.file("link")) }
        #expect(try scratch.names() == ["link", "model", "thesis"])
    }

    @Test func `errors of the system name the path and the reason`() throws {
        // No user, not even root, can make a folder in /proc; no file system takes a name of 300 bytes.
        let proc = failure { try AtomicDirectory.create("/proc/shoal") { _ in } }
        #expect(proc.hasPrefix("/proc/shoal: cannot make the folder: "))
        let scratch = try Scratch()
        let long = scratch.file(String(repeating: "x", count: 300))
        #expect(failure { try DurableFile.write(Data(), to: long) }.hasSuffix(": File name too long"))
        let inFile = try scratch.write("", "file") + "/d"
        #expect(
            failure { try AtomicDirectory.create(inFile) { _ in } }
                == "\(scratch.file("file")): there is a file where a folder is wanted")
    }

    @Test func `paths are taken apart`() {
        #expect(parentFolder(of: "a/b/") == "a" && lastComponent(of: "a/b//") == "b")
        #expect(parentFolder(of: "b") == "." && lastComponent(of: "b") == "b")
        #expect(parentFolder(of: "/b") == "/" && parentFolder(of: "//x//y") == "//x")
        #expect(withoutTrailingSlash("/") == "/" && withoutTrailingSlash("//") == "/")
        #expect(isPlainFileName("a.b") && !isPlainFileName("..") && !isPlainFileName("a/b") && !isPlainFileName(""))
    }
}
