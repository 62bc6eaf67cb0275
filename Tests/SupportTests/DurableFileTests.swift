import Foundation
import Support
import TestSupport
import Testing

struct DurableFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test(arguments: [true, false]) func `a file is made and replaced, with its permissions`(isFlushed: Bool) throws {
        let path = scratch.file("f")
        for (contents, mode) in [("one", mode_t(0o600)), ("two", 0o640)] {
            try DurableFile.write(Data(contents.utf8), to: path, mode: mode, isFlushed: isFlushed)
            #expect(try text(path) == contents)
            var info = stat()
            #expect(stat(path, &info) == 0 && info.st_mode & 0o777 == mode)
        }
        #expect(try scratch.names() == ["f"])
    }

    @Test func `a failure leaves the old file, and nothing else`() throws {
        let path = try scratch.write("old", "f")
        let said = failure {
            try DurableFile.replace(path) { file throws(FileError) in
                try file.write(Data("new".utf8))
                throw FileError(path, "stop")
            }
        }
        #expect(said == "\(path): stop")
        #expect(try text(path) == "old" && scratch.names() == ["f"])
    }

    @Test func `an error names the file that was to be, not the temporary one`() {
        let path = scratch.file("missing/f")
        #expect(
            failure { try DurableFile.write(Data(), to: path) }
                == "\(path): cannot create it: No such file or directory")
    }

    @Test func `a new file is not written through a file that is there`() throws {
        let path = try scratch.write("old", "f")
        #expect(failure { _ = try DurableFile(path: path) } == "\(path): cannot create it: File exists")
    }

    @Test func `a copy has the same bytes, and what is no file is refused`() throws {
        let source = try scratch.write("bytes", "a")
        try DurableFile.copy(source, to: scratch.file("b"))
        #expect(try text(scratch.file("b")) == "bytes")
        #expect(failure { try DurableFile.copy(scratch.path, to: scratch.file("c")) }.hasSuffix(": not a regular file"))
    }

    @Test func `a folder that another writer has put there meanwhile stays`() async throws {
        let path = scratch.file("d")
        try await AtomicDirectory.create(path, replacing: "mark", keepsExisting: { true }) { folder in
            try DurableFile.write(Data("mine".utf8), to: folder + "/mark")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try DurableFile.write(Data("theirs".utf8), to: path + "/mark")
        }
        #expect(try text(path + "/mark") == "theirs" && scratch.names() == ["d"])
        try await AtomicDirectory.create(path, replacing: "mark", keepsExisting: { false }) { folder in
            try DurableFile.write(Data("mine".utf8), to: folder + "/mark")
        }
        #expect(try text(path + "/mark") == "mine" && scratch.names() == ["d"])
    }
}
