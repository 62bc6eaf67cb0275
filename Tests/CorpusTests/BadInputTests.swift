import Foundation
import Support
import Testing

@testable import Corpus

@Suite("Bad data files")
struct BadInputTests {
    let scratch = Scratch()

    private func expect(
        _ error: FileError?, line: Int? = nil, _ words: String..., at location: SourceLocation = #_sourceLocation
    ) {
        guard let error else {
            Issue.record("no error", sourceLocation: location)
            return
        }
        #expect(error.line == line, "\(error)", sourceLocation: location)
        for word in words { #expect(error.reason.contains(word), "\(error)", sourceLocation: location) }
    }

    @Test(arguments: ["gone.csv", "gone.jsonl", "gone", "gone/too.csv"]) func `a missing file`(name: String) {
        expect(scratch.failure(of: "\(scratch.path)/\(name)"), "no such file")
    }

    @Test(arguments: ["folder", "folder.csv"]) func `a folder`(name: String) throws {
        let path = "\(scratch.path)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        expect(scratch.failure(of: path), "folder")
    }

    @Test func `a file that cannot be opened`() {
        // A link to itself: permissions would not stop root.
        let path = "\(scratch.path)/loop.csv"
        #expect(symlink(path, path) == 0)
        expect(scratch.failure(of: path), "cannot open it")
    }

    @Test func `a pipe does not hang`() {
        let path = "\(scratch.path)/pipe.csv"
        #expect(mkfifo(path, 0o600) == 0)
        expect(scratch.failure(of: path), "not a regular file")
    }

    @Test func `a format that is not known`() {
        expect(scratch.failure("a.parquet", "x"), "what format")
        expect(scratch.failure("a.csv.gz", "x"), "compressed")
        expect(scratch.failure("a.txt", "x"), "labels")
    }

    @Test(arguments: ["a.csv", "a.tsv", "a.jsonl"]) func `an empty file`(name: String) {
        expect(scratch.failure(name, ""), "empty")
    }

    @Test(arguments: ["\u{FEFF}", "\n\n", "\r\n"]) func `a file of nothing but line ends`(text: String) {
        expect(scratch.failure("a.csv", text), "empty")
        expect(scratch.failure("a.jsonl", text), "no examples")
    }

    @Test(arguments: ["text,label", "text,label\n", "text,label\r\n\r\n"]) func `a header alone`(text: String) {
        expect(scratch.failure("a.csv", text), "no examples")
    }

    @Test func `a missing column`() {
        let options = DatasetReader.Options(columns: .init(text: "words"))
        expect(scratch.failure("a.csv", "\n\ntext,label\na,b\n", options), line: 3, "\"words\"", "\"text\", \"label\"")
        let label = DatasetReader.Options(columns: .init(label: "klass"))
        expect(scratch.failure("a.csv", "text,label\na,b\n", label), line: 1, "\"klass\"", "\"text\", \"label\"")
    }

    @Test func `columns that cannot be guessed`() {
        expect(scratch.failure("a.csv", "a,label\nx,y\n"), line: 1, "--text-column", "\"a\", \"label\"")
        expect(scratch.failure("b.csv", "text,b\nx,y\n"), line: 1, "--label-column", "\"text\", \"b\"")
    }

    @Test func `the wrong separator is guessed at`() {
        expect(scratch.failure("a.csv", "text;label\nx;y\n"), line: 1, "semicolons")
        expect(scratch.failure("b.csv", "text\tlabel\nx\ty\n"), line: 1, ".tsv")
        expect(scratch.failure("c.tsv", "text,label\nx,y\n"), line: 1, ".csv")
    }

    @Test func `a column that occurs twice`() {
        expect(scratch.failure("a.csv", "text,label,text\nx,y,z\n"), line: 1, "\"text\" occurs twice")
        #expect(scratch.failure("b.csv", "text,label,x,x,,\nx,y,z,z,,\n") == nil)
    }

    @Test func `a wrong number of fields`() {
        expect(
            scratch.failure("a.csv", "text,label\na,x\nb\n"), line: 3, "1 field, but the header has 2",
            "is a field missing")
        expect(scratch.failure("b.csv", "text,label\n\"a\nb\",x\nc, d,y\n"), line: 4, "3 fields", "quotes")
        expect(scratch.failure("c.tsv", "text\tlabel\na\tx\ny\n"), line: 3, "1 field, ", "tab")
        expect(
            scratch.failure("d.csv", "text,label\nx, \"a, b\",y\n"), line: 2, "4 fields", "remove the blank before it")
    }

    @Test func `a header that is missing, or has no labels, is thought of`() {
        expect(scratch.failure("a.csv", "what a film,pos\nso dull,neg\n"), line: 1, "is the header missing?")
        expect(scratch.failure("b.csv", "text\nx\ny\n"), line: 1, "no column of labels", "\"text\"; add one")
        expect(scratch.failure("c.csv", "text;label\nx;y\n"), line: 1, "semicolons")
        let named = scratch.failure("d.csv", "text,label\nx,y\n", .init(columns: ColumnNames(text: "label")))
        expect(named, line: 1, "Give --label-column, one of \"text\"")
        #expect(named?.reason.contains("\"label\"") == false)
    }

    @Test func `invalid UTF-8`() {
        let head = Array("text,label\nfine,x\n".utf8)
        for (bad, offset): ([UInt8], Int) in [
            ([0xFF], 0), ([0x61, 0xE9, 0x62], 1), ([0xC3, 0xA9, 0xC0, 0x80], 2), ([0xED, 0xA0, 0x80], 0),
            ([0xF0, 0x9F], 0),
        ] {
            let path = scratch.file("a.csv", head + bad + Array(",x\n".utf8))
            expect(scratch.failure(of: path), line: 3, "UTF-8", "offset \(head.count + offset);")
        }
    }

    @Test(arguments: [[0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61]] as [[UInt8]]) func `utf16`(bytes: [UInt8]) {
        expect(scratch.failure(of: scratch.file("a.csv", bytes)), "UTF-16")
        expect(scratch.failure(of: scratch.file("a.jsonl", bytes)), "UTF-16")
    }

    @Test(arguments: ["a.csv", "a.tsv", "a.jsonl"]) func `a NUL byte`(name: String) {
        let path = scratch.file(name, Array("text,label\na,x\nb".utf8) + [0] + Array(",y\n".utf8))
        expect(scratch.failure(of: path), line: 3, "NUL", "offset 16")
    }

    @Test func `ten megabytes in a line`() {
        let long = String(repeating: "word ", count: 2_000_000)
        expect(scratch.failure("a.csv", "text,label\na,x\n\(long),y\n"), line: 3, "8388608 bytes")
        expect(scratch.failure("b.csv", "text,label\na,x\n\"\(long)\",y\n"), line: 3, "8388608 bytes")
        expect(scratch.failure("c.tsv", "text\tlabel\na\tx\n\"\(long)\ty\n"), line: 3, "8388608 bytes")
        expect(scratch.failure("d.tsv", "text\tlabel\na\tx\n\"\(long)\"\ty\n"), line: 3, "8388608 bytes")
        let object = "{\"text\":\"a\",\"label\":\"x\"}\n"
        expect(
            scratch.failure("e.jsonl", object + "{\"text\":\"\(long)\",\"label\":\"x\"}\n"), line: 2, "8388608 bytes")
        let plain = DatasetReader.Options(labels: nil)
        expect(scratch.failure("f.txt", "a\n\(long)\n", plain), line: 2, "8388608 bytes")
    }

    @Test func `a quote that is never closed`() {
        expect(scratch.failure("a.csv", "text,label\n\"a\nb\",x\n\"c,y\nd,y\n"), line: 4, "never ends")
        expect(scratch.failure("b.csv", "text,label\nx,\""), line: 2, "never ends")
        expect(scratch.failure("c.csv", "text,label\nx,\"\"\""), line: 2, "never ends")
    }

    @Test func `text behind a closing quote`() {
        expect(scratch.failure("a.csv", "text,label\n\"a\nb\" c,x\n"), line: 3, "closing quote")
        expect(scratch.failure("b.csv", "text,label\n\"a\"\rb,x\n"), line: 2, "closing quote")
    }

    @Test func `lines that end with CR alone`() {
        expect(scratch.failure("a.csv", "text,label\ra,x\rb,y\r"), line: 1, "CR alone")
    }

    @Test(arguments: ["", " ", "\u{3000}"]) func `an empty label or text`(blank: String) {
        expect(scratch.failure("a.csv", "text,label\na,x\nb,\(blank)\n"), line: 3, "label is empty")
        expect(scratch.failure("b.csv", "text,label\na,x\n\(blank),y\n"), line: 3, "text is empty")
    }

    @Test func `a label that training never saw`() {
        let options = DatasetReader.Options(labels: ClassLabelReader(known: ["earn", "acq"]))
        expect(
            scratch.failure("a.csv", "text,label\na,acq\nb,grain\n", options), line: 3, "\"grain\"", "\"earn\", \"acq\""
        )
        let many = DatasetReader.Options(labels: ClassLabelReader(known: (0..<52).map { "class\($0)" }))
        expect(scratch.failure("b.csv", "text,label\nb,grain\n", many), line: 2, "\"class19\" and 32 more")
    }

    @Test func `a single class`() throws {
        let data = try DatasetReader.read(scratch.file("a.csv", "text,label\na,spam\nb,spam\n"))
        let error = #expect(throws: FileError.self) { try data.checkTrainable() }
        expect(error, "only one class", "\"spam\"")
    }

    @Test func `a class with one example`() throws {
        let data = try DatasetReader.read(scratch.file("a.csv", "text,label\na,x\nb,x\nc,rare\n"))
        let error = #expect(throws: FileError.self) { try data.checkTrainable() }
        expect(error, "rare 1", "one class", "--drop-rare-classes")
        try data.checkTrainable(minimumPerClass: 1)
        let more = #expect(throws: FileError.self) { try data.checkTrainable(minimumPerClass: 3) }
        expect(more, "rare 1", "x 2")
    }

    @Test func `messages stay on one line`() {
        let options = DatasetReader.Options(columns: .init(text: "a\nb\u{2028}c\u{1B}[31m"))
        let error = scratch.failure("a\u{7}.csv", "text,label\nx,y\n", options)
        let said = error?.description ?? ""
        #expect(said.contains(#""a\u{A}b\u{2028}c\u{1B}[31m""#), "\(said)")
        #expect(!said.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(quoted(String(repeating: "ab", count: 100)).unicodeScalars.count == 82)
    }

    /// No bytes at all may crash the reader.
    @Test(arguments: 0..<50 as Range<UInt64>) func `noise is read or refused`(seed: UInt64) throws {
        var random = SplitMix(state: seed &+ 1000)
        let alphabet: [UInt8] = [34, 34, 44, 44, 9, 10, 13, 97, 98, 123, 125, 91, 58, 92, 0xC3, 0xA9, 0xFF, 0xEF]
        let share = Double(seed) / 50
        for name in ["n.csv", "n.tsv", "n.jsonl", "n.txt"] {
            for length in [0, 1, 2, 3, 7, 40, 300] {
                var bytes = Array(["text,label\n", "text\tlabel\n", "", ""][Int(seed % 4)].utf8)
                for _ in 0..<length {
                    // Later seeds have fewer of the bytes that stop a reader early.
                    let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                    bytes.append(byte > 0x7F && Double.random(in: 0..<1, using: &random) < share ? 97 : byte)
                }
                let path = scratch.file(name, bytes)
                for options in [DatasetReader.Options(), .init(labels: nil), .init(recordLimit: 5)] {
                    do throws(FileError) {
                        let data = try DatasetReader.read(path, options: options)
                        #expect(!data.examples.isEmpty)
                    } catch { #expect(error.path == path) }
                }
            }
        }
    }
}
