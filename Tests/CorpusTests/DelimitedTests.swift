import Foundation
import Testing

@testable import Corpus

@Suite("CSV and TSV")
struct DelimitedTests {
    let scratch = Scratch()

    @Test func `plain rows are read in order`() throws {
        #expect(try scratch.rows("a.csv", "label,text\nx,one\ny,two\n") == [["x", "one"], ["y", "two"]])
    }

    @Test func `column order and other columns do not matter`() throws {
        #expect(
            try scratch.rows("a.csv", "id,text,when,label\n7,one,now,x\n8,two,then,y\n") == [
                ["x", "one"], ["y", "two"],
            ])
    }

    @Test func `the last line needs no end`() throws {
        #expect(try scratch.rows("a.csv", "label,text\nx,one\ny,two") == [["x", "one"], ["y", "two"]])
        #expect(try scratch.rows("b.csv", "label,text\nx,one\ny,\"two\"") == [["x", "one"], ["y", "two"]])
    }

    @Test func `lines may end with CRLF`() throws {
        #expect(
            try scratch.rows("a.csv", "label,text\r\nx,one\r\n\"y\",\"two\"\r\n") == [["x", "one"], ["y", "two"]])
        #expect(try scratch.rows("a.tsv", "label\ttext\r\nx\tone\r\ny\ttwo\r\n") == [["x", "one"], ["y", "two"]])
    }

    @Test func `a byte order mark is no part of the first column`() throws {
        #expect(try scratch.rows("a.csv", "\u{FEFF}label,text\nx,one\ny,two\n") == [["x", "one"], ["y", "two"]])
        #expect(try scratch.rows("b.csv", "\u{FEFF}\"label\",text\nx,one\ny,two\n") == [["x", "one"], ["y", "two"]])
        #expect(try scratch.rows("c.jsonl", "\u{FEFF}{\"label\":\"x\",\"text\":\"one\"}\n") == [["x", "one"]])
    }

    @Test func `quoted fields hold commas, quotes and line breaks`() throws {
        let text =
            "label,text\nx,\"a, b\"\ny,\"she said \"\"no\"\"\"\nx,\"two\nlines\"\ny,\"two\r\nlines\"\nx,\"\"\"\"\n"
        #expect(
            try scratch.rows("a.csv", text) == [
                ["x", "a, b"], ["y", "she said \"no\""], ["x", "two\nlines"], ["y", "two\r\nlines"], ["x", "\""],
            ])
    }

    @Test func `a quote within an unquoted field is part of it`() throws {
        #expect(
            try scratch.rows("a.csv", "label,text\nx,6\" nails\ny,it is \"so\"\n").map { $0[1] } == [
                "6\" nails", "it is \"so\"",
            ])
    }

    @Test func `blank lines are skipped and counted`() throws {
        let path = scratch.file("a.csv", "\n\r\nlabel,text\n\nx,\"one\nmore\"\n\n\ny,two\n")
        var lines: [Int] = []
        try DatasetReader.forEach(path, options: .init()) { lines.append($0.line) }
        #expect(lines == [5, 9])
    }

    @Test func `space around column names is no part of them`() throws {
        #expect(try scratch.rows("a.csv", " label , text \nx,one\n") == [["x", "one"]])
    }

    @Test func `space around texts is kept`() throws {
        #expect(try scratch.rows("a.csv", "label,text\nx,  one \n") == [["x", "  one "]])
    }

    @Test func `TSV reads back what spreadsheets quote`() throws {
        let text = "label\ttext\nx\t\"a \"\"b\"\" c\"\n\"y\"\t\"with\ttab\"\nx\t\"end\""
        #expect(try scratch.rows("a.tsv", text) == [["x", "a \"b\" c"], ["y", "with\ttab"], ["x", "end"]])
        #expect(try scratch.rows("b.tab", "label\ttext\r\nx\t\"one\"\r\n") == [["x", "one"]])
    }

    @Test func `a TSV text that only begins with a quote swallows nothing`() throws {
        let text = "label\ttext\nx\t\"open\ny\t\"so\" he said\nx\tcloses\"\ny\t\"\"twice\"\" it\nx\t\"\n"
        #expect(
            try scratch.rows("a.tsv", text).map { $0[1] } == [
                "\"open", "\"so\" he said", "closes\"", "\"\"twice\"\" it", "\"",
            ])
    }

    @Test func `pairs are read where their column is guessed or given`() throws {
        let path = scratch.file("a.csv", "premise,hypothesis,label\np,h,x\n")
        #expect(try DatasetReader.read(path).examples == [Example(text: "p", pair: "h", label: .one(0))])
        #expect(try DatasetReader.read(path, columns: .init(text: "hypothesis")).examples.map(\.pair) == [nil])
        let named = ColumnNames(text: "hypothesis", textPair: "premise", label: "label")
        #expect(
            try DatasetReader.read(path, columns: named).examples == [Example(text: "h", pair: "p", label: .one(0))])
    }

    @Test(arguments: [
        ("text", "label"), ("sentence", "labels"), ("Content", "CLASS"), ("review", "sentiment"),
        ("document", "category"),
        ("body", "target"),
    ])
    func `usual names are found`(text: String, label: String) throws {
        #expect(try scratch.rows("a.csv", "\(label),\(text)\nx,one\n") == [["x", "one"]])
    }

    @Test func `labels are not needed for prediction`() throws {
        let path = scratch.file("a.csv", "text,label\none,\n,x\n")
        let data = try DatasetReader.read(path, options: .init(labels: nil))
        #expect(data.examples == [Example(text: "one"), Example(text: "")])
        let bare = scratch.file("b.csv", "text\none\n")
        #expect(try DatasetReader.read(bare, options: .init(labels: nil)).examples.map(\.text) == ["one"])
    }

    @Test func `plain text is one text per line`() throws {
        let path = scratch.file("a.txt", "one, two\r\n\n\"three\"")
        let data = try DatasetReader.read(path, options: .init(labels: nil))
        #expect(data.examples.map(\.text) == ["one, two", "", "\"three\""])
    }

    @Test func `a record of the limit passes, and a longer one does not`() {
        let options = DatasetReader.Options(recordLimit: 100)
        #expect(scratch.failure("a.csv", "label,text\nx,\(String(repeating: "a", count: 98))\n", options) == nil)
        let long = scratch.failure("b.csv", "label,text\nx,\(String(repeating: "a", count: 120))\n", options)
        #expect(long?.line == 2)
        #expect(long?.reason.contains("100 bytes") == true)
        let fields = scratch.failure("c.csv", "label,text\nx,one\ny\(String(repeating: ",", count: 150))\n", options)
        #expect(fields?.line == 3)
        #expect(fields?.reason.contains("100 bytes") == true)
    }

    /// Any texts come back from any valid way to write them.
    @Test(arguments: 0..<20 as Range<UInt64>) func `generated tables come back`(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let pieces = ["a", "\"", ",", "\n", "\r\n", "\t", " ", "é", "中", "👩‍👩‍👧", "\u{301}", "\r", "''", "\u{2028}"]
        var expected: [[String]] = []
        var csv = seed % 2 == 0 ? "text,label\n" : "\u{FEFF}\"text\",\"label\"\r\n"
        for i in 0..<200 {
            let body = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            let text = "t" + body.joined()
            let isPlain = !text.utf8.contains { [10, 13, 34, 44].contains($0) }
            let written =
                isPlain && Bool.random(using: &random)
                ? text : "\"" + text.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
            let label = "L\(Int.random(in: 0..<3, using: &random))"
            csv += "\(written),\(label)" + (i == 199 ? "" : Bool.random(using: &random) ? "\n" : "\r\n")
            expected.append([label, text])
        }
        // Bytes, since texts with different code points can be equal in Swift.
        let found = try scratch.rows("a.csv", csv)
        #expect(found.map { $0.map { Array($0.utf8) } } == expected.map { $0.map { Array($0.utf8) } })
    }

    @Test func `what is written as CSV is read back`() throws {
        var writer = CSVWriter()
        let rows = [
            ["x", "a,b"], ["y", "\"q\""], ["x", "l\nm\r\nn"], ["y", "plain"], ["a,b", " "], ["y", "\r"],
            ["z", "\"\u{301}\"\u{20DD}"],
        ]
        for row in rows { writer.add(row) }
        let path = "\(scratch.path)/w.csv"
        try writer.write(to: path)
        var found: [[String]] = []
        try DatasetReader.forEach(path, options: .init()) { found.append([$0.label?.text ?? "", $0.text]) }
        #expect(found.map { $0.map { Array($0.utf8) } } == rows.map { $0.map { Array($0.utf8) } })
    }
}

/// Repeatable test data (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
