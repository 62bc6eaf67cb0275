import Corpus
import Foundation
import Testing

@testable import shoal

struct LineReaderTests {
    /// All windows of lines that a reader makes of `bytes`.
    private func read(_ bytes: [UInt8], count: Int = 1000, byteLimit: Int = 1 << 20) throws -> [[String]] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        let reader = LineReader(descriptor: handle.fileDescriptor, source: "it")
        var windows: [[String]] = []
        while true {
            let lines = try reader.next(count: count, byteLimit: byteLimit)
            if lines.isEmpty { return windows }
            windows.append(lines)
        }
    }

    @Test(arguments: [
        ("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\n\nb", ["a", "", "b"]), ("a\r\nb\r\n", ["a", "b"]),
        ("\u{FEFF}a\n\u{FEFF}b", ["a", "\u{FEFF}b"]), ("a\rb", ["a\rb"]), ("é\u{2028}中\n", ["é\u{2028}中"]),
    ])
    func `lines keep their blanks and lose their ends`(text: String, lines: [String]) throws {
        #expect(try read(Array(text.utf8)).flatMap { $0 } == lines)
    }

    @Test func `windows are as large as asked for`() throws {
        let text = (0..<25).map { "line \($0)\n" }.joined()
        #expect(try read(Array(text.utf8), count: 10).map(\.count) == [10, 10, 5])
        // Lines of 7 and 8 bytes: two make 14 or more.
        #expect(try read(Array(text.utf8), byteLimit: 14).map(\.count).max() == 2)
        #expect(try read(Array(text.utf8), byteLimit: 1).map(\.count) == Array(repeating: 1, count: 25))
    }

    @Test func `lines longer than a piece are whole`() throws {
        let long = String(repeating: "word ", count: 200_000)
        #expect(try read(Array("\(long)\nend".utf8)).flatMap { $0 } == [long, "end"])
    }

    @Test func `a line too long is refused by number`() {
        let bytes = Array("ok\n".utf8) + [UInt8](repeating: 97, count: LineReader.lineLimit + 1)
        #expect { try read(bytes) } throws: { "\($0)".hasPrefix("it, line 2: longer than 8388608 bytes") }
        #expect { try read(bytes + [10]) } throws: { "\($0)".hasPrefix("it, line 2: longer than 8388608 bytes") }
    }

    @Test func `what is no text is refused by number`() {
        #expect { try read([97, 10, 0xFF, 10]) } throws: { "\($0)".hasPrefix("it, line 2: invalid UTF-8") }
        #expect { try read([97, 10, 98, 0, 10]) } throws: { "\($0)".hasPrefix("it, line 2: there is a NUL byte") }
    }

    @Test func `a pipe is answered line by line`() throws {
        let pipe = Pipe()
        let reader = LineReader(descriptor: pipe.fileHandleForReading.fileDescriptor, source: "it")
        for text in ["one", "two"] {
            try pipe.fileHandleForWriting.write(contentsOf: Data("\(text)\n".utf8))
            #expect(try reader.next(count: 100, byteLimit: 1 << 20) == [text])
        }
    }
}

struct TextSourceTests {
    @Test func `records come in windows and in order`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).csv")
        try Data("text,label\na,x\n\"b\nb\",y\nc,x\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var windows: [[String]] = []
        try TextSource(texts: [], file: file.path, columns: ColumnNames()).forEachWindow(.init(count: 2)) {
            windows.append($0.map(\.text))
        }
        #expect(windows == [["a", "b\nb"], ["c"]])
    }

    @Test func `an error of the work ends the reading`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).csv")
        try Data("text\na\nb\nc\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var calls = 0
        #expect(throws: BrokenPipe.self) {
            try TextSource(texts: [], file: file.path, columns: ColumnNames()).forEachWindow(.init(count: 1)) { _ in
                calls += 1
                throw BrokenPipe()
            }
        }
        #expect(calls == 1)
    }

    @Test func `a file that is not there is named`() {
        #expect {
            try TextSource(texts: [], file: "/none.txt", columns: ColumnNames()).forEachWindow(.init(count: 1)) { _ in }
        } throws: {
            "\($0)" == "/none.txt: no such file; a text itself is given with --text"
        }
        #expect {
            try TextSource(texts: nil, file: "/none.txt", columns: ColumnNames()).forEachWindow(.init(count: 1)) { _ in
            }
        } throws: {
            "\($0)" == "/none.txt: no such file; check the path"
        }
    }
}

struct EndingTests {
    @Test(arguments: [
        (["train", "--nope"], 64, "Unknown option '--nope'"), (["predict"], 64, "Missing expected argument '--model"),
        (["train", "--epochs", "x"], 64, "The value 'x' is invalid for '--epochs"),
        (["predict", "--model", "a", "--text", "b", "c"], 64, "--text and a file exclude each other"),
        (["tokenize", "--model", "a", "--threads", "0"], 64, "--threads is 0, but must be 1 to 1024"),
        (["worker", "--coordinator", "tcp://x:1", "--connect-timeout", "nan"], 64, "--connect-timeout is nan"),
    ])
    func `a wrong command line is one line and code 64`(arguments: [String], code: Int32, message: String) {
        do {
            _ = try Shoal.parseAsRoot(arguments)
            Issue.record("was accepted")
        } catch {
            let ending = ExitStatus(error)
            #expect(ending.code == code)
            #expect(ending.message.hasPrefix(message))
            #expect(!ending.message.contains("\n"))
            #expect(ending.output.isEmpty)
        }
    }

    @Test(arguments: [["--help"], ["train", "--help"], ["--version"], ["help", "predict"]])
    func `help is no error`(arguments: [String]) throws {
        do {
            var command = try Shoal.parseAsRoot(arguments)
            try command.run()
            Issue.record("was not help")
        } catch {
            let ending = ExitStatus(error)
            #expect(ending.code == 0)
            #expect(!ending.output.isEmpty)
            #expect(ending.message.isEmpty)
        }
    }

    @Test func `a broken pipe ends quietly`() {
        let ending = ExitStatus(BrokenPipe())
        #expect(ending.message.isEmpty && ending.output.isEmpty && ending.code == 141)
    }

    @Test func `errors of the libraries are one line and code 1`() throws {
        do {
            _ = try DatasetReader.read("/none.csv")
            Issue.record("was read")
        } catch {
            #expect(ExitStatus(error).code == 1)
            #expect(ExitStatus(error).message == "/none.csv: no such file; check the path")
        }
    }
}

struct RunOptionGroupsTests {
    @Test func `options override the file and leave the rest`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml")
        try Data("model: m\ntrain: t.csv\noutput: o\nepochs: 7\nbatch_size: 16\nworkers: 2\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let parsed = try Shoal.parseAsRoot(
            [
                "train", "--config", file.path, "--batch-size", "64", "--steps", "9", "--clip-norm", "0", "--nesterov",
                "--optimizer", "sgd", "--threads-per-worker", "3", "--pin-workers",
            ])
        let train = try #require(parsed as? Train)
        let configuration = try train.run.resolve(train.local.given)
        #expect(configuration.model == "m" && configuration.workers == 2)
        #expect(configuration.batchSize == 64 && configuration.threadsPerWorker == 3)
        #expect(configuration.steps == 9 && configuration.epochs == nil)
        #expect(configuration.clipNorm == nil && configuration.nesterov && configuration.pinWorkers)
    }

    @Test func `of an option given twice the last counts`() throws {
        let parsed = try Shoal.parseAsRoot(
            ["train", "--model", "m", "--train", "t", "--output", "a", "--output", "b"])
        #expect(try #require(parsed as? Train).run.resolve().output == "b")
    }
}
