import Foundation
import Testing

@testable import Checkpoint

@Suite struct AtomicDirectoryTests {
    struct Stop: Error {}

    @Test func nobodySeesAPartOfIt() throws {
        let scratch = try Scratch()
        let path = scratch.file("d")
        try AtomicDirectory.create(path) { folder in
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/x"))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
        #expect(try scratch.names("d") == ["x"])
        #expect(try scratch.names() == ["d"])
    }

    @Test func anErrorOfTheBuilderLeavesNothing() throws {
        let scratch = try Scratch()
        #expect(throws: Stop.self) {
            try AtomicDirectory.create(scratch.file("d")) { folder in
                try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/x"))
                throw Stop()
            }
        }
        #expect(try scratch.names() == [])
    }

    @Test func replacingKeepsTheOldOneUntilTheNewOneIsWhole() throws {
        let scratch = try Scratch()
        let path = scratch.file("d")
        try AtomicDirectory.create(path) { try AtomicFile.write(Data("old".utf8), to: $0 + "/old") }
        #expect(throws: Stop.self) { try AtomicDirectory.create(path, replacing: true) { _ in throw Stop() } }
        #expect(try scratch.names("d") == ["old"])
        try AtomicDirectory.create(path, replacing: true) { try AtomicFile.write(Data("new".utf8), to: $0 + "/new") }
        #expect(try scratch.names("d") == ["new"])
        #expect(try scratch.names() == ["d"])
    }

    @Test func aFolderThatIsFilledMeanwhileIsNotOverwritten() throws {
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

    @Test func aLinkToAnEmptyFolderIsFollowed() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.file("real"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: "real")
        try AtomicDirectory.create(scratch.file("link")) { try AtomicFile.write(Data(), to: $0 + "/x") }
        #expect(try scratch.names("real") == ["x"])
        #expect(try scratch.names() == ["link", "real"])
    }

    @Test func leftoversOfKilledWritersAreRemoved() throws {
        let scratch = try Scratch()
        let left = temporarySibling(of: scratch.file("d"))
        try AtomicDirectory.makeFolders(left + "/inner")
        try scratch.write("keep", ".hidden")
        try AtomicDirectory.removeLeftovers(in: scratch.path)
        #expect(try scratch.names() == [".hidden"])
    }

    @Test func errorsOfTheSystemNameThePathAndTheReason() throws {
        // Nobody, not even root, can make a folder in /proc; no file system takes a name of 300 bytes.
        let proc = failure { try AtomicDirectory.create("/proc/shoal") { _ in } }
        #expect(proc.hasPrefix("/proc/shoal: cannot make the folder: "))
        let scratch = try Scratch()
        let long = scratch.file(String(repeating: "x", count: 300))
        #expect(failure { try AtomicFile.write(Data(), to: long) }.hasSuffix(": File name too long"))
        let inFile = try scratch.write("", "file") + "/d"
        #expect(
            failure { try AtomicDirectory.create(inFile) { _ in } }
                == "\(scratch.file("file")): there is a file where a folder is wanted")
    }

    @Test func pathsAreTakenApart() {
        #expect(parentFolder(of: "a/b/") == "a" && lastComponent(of: "a/b//") == "b")
        #expect(parentFolder(of: "b") == "." && lastComponent(of: "b") == "b")
        #expect(parentFolder(of: "/b") == "/" && parentFolder(of: "//x//y") == "//x")
        #expect(withoutTrailingSlash("/") == "/" && withoutTrailingSlash("//") == "/")
        #expect(isPlainFileName("a.b") && !isPlainFileName("..") && !isPlainFileName("a/b") && !isPlainFileName(""))
    }
}
