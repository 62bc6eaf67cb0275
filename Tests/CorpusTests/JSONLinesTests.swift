import Testing

@testable import Corpus

@Suite("JSON Lines")
struct JSONLinesTests {
    let scratch = Scratch()

    @Test(arguments: ["a.jsonl", "a.json", "a.ndjson"]) func `each line's object is an example`(name: String) throws {
        let text =
            "{\"text\": \"one\", \"label\": \"x\"}\n\n{\"label\": \"y\", \"id\": [1, {\"a\": null}], \"text\": \"two\"}"
        #expect(try scratch.rows(name, text) == [["x", "one"], ["y", "two"]])
    }

    @Test func `escapes are decoded`() throws {
        let text = #"{"text": "a\n\"b\" \u00e9 \ud83d\ude00 \\", "label": "x"}"# + "\r\n"
        #expect(try scratch.rows("a.jsonl", text) == [["x", "a\n\"b\" é 😀 \\"]])
    }

    @Test func `numbers and truth values are labels`() throws {
        let data = try DatasetReader.read(
            scratch.file("a.jsonl", "{\"text\":\"a\",\"label\":10}\n{\"text\":\"b\",\"label\":9}\n"))
        #expect(data.labels == ["9", "10"])
        let truth = try DatasetReader.read(
            scratch.file("b.jsonl", "{\"text\":\"a\",\"label\":true}\n{\"text\":\"b\",\"label\":false}\n"))
        #expect(truth.labels == ["false", "true"])
        let real = try DatasetReader.read(scratch.file("c.jsonl", "{\"text\":1.5,\"label\":-2}\n"))
        #expect(real.examples.map(\.text) == ["1.5"])
    }

    @Test(arguments: [
        ("1.0", "1"), ("1e5", "100000"), ("-0", "0"), ("1e19", "10000000000000000000"), ("0.10", "0.1"),
        ("1e30", "1e+30"),
    ]) func `a number is the same text however it is written`(number: String, text: String) throws {
        let data = try DatasetReader.read(scratch.file("a.jsonl", "{\"text\":\(number),\"label\":1}\n"))
        #expect(data.examples.map(\.text) == [text])
    }

    @Test func `large integers are not rounded to one label`() throws {
        let (last, other) = ("18446744073709551615", "18446744073709551614")
        let data = try DatasetReader.read(
            scratch.file("a.jsonl", "{\"text\":\"a\",\"label\":\(last)}\n{\"text\":\"b\",\"label\":\(other)}\n"))
        #expect(data.labels == [other, last])
    }

    @Test func `labels are not needed for prediction`() throws {
        let path = scratch.file("a.jsonl", "{\"text\":\"a\",\"label\":null}\n{\"text\":\"\"}\n")
        let data = try DatasetReader.read(path, options: .init(labels: nil))
        #expect(data.examples == [Example(text: "a"), Example(text: "")])
    }

    @Test func `pairs are read`() throws {
        let path = scratch.file("a.jsonl", "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":\"x\"}\n")
        #expect(try DatasetReader.read(path).examples == [Example(text: "a", pair: "b", label: .one(0))])
    }

    @Test(arguments: [
        ("{\"text\":\"a\"\n", "not a JSON object"), ("\"text\"\n", "not a JSON object"), ("[{}]\n", "array"),
        ("{\"text\":\"b\",\"label\":null}\n", "\"label\" is null"),
        ("{\"text\":[],\"label\":\"x\"}\n", "\"text\" is an array"),
        ("{\"label\":\"x\"}\n", "\"text\" is missing"), ("{\"text\":\"a\\u0000\",\"label\":\"x\"}\n", "NUL"),
        ("{\"text\":\" \",\"label\":\"x\"}\n", "text is empty"),
        ("{\"text\":\"a\",\"label\":\"\"}\n", "label is empty"),
        ("{\"text\":\"\\ud800\",\"label\":\"x\"}\n", "not a JSON object"), ("{} x\n", "not a JSON object"),
        (String(repeating: "[", count: 100_000) + "\n", "array"),
        ("{\"text\":" + String(repeating: "[", count: 100_000) + "\n", "not a JSON object"),
    ])
    func `bad lines are named`(line: String, reason: String) throws {
        let error = try #require(
            scratch.failure("a.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n\n" + line))
        #expect(error.line == 3)
        #expect(error.reason.contains(reason), "\(error)")
    }

    @Test(arguments: [
        (#"{"text":"a","label":"x",}"#, "at column 25: a comma before }"),
        (#"{"text":"a","label":"x","n":[1,]}"#, "at column 32: a comma before ]"),
        (#"{"text":"a","label":"x","text":"b"}"#, "at column 25: a key that was there before"),
        (#"{"text":"a","label":"x","\u0074ext":"b"}"#, "at column 25: a key that was there before"),
        (#"{"text":"a","label":"x","n":{"b":1,"b":1}}"#, "at column 36: a key that was there before"),
    ]) func `what a lenient reader passes over is refused`(line: String, reason: String) throws {
        let error = try #require(scratch.failure("a.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n" + line + "\n"))
        #expect(error.line == 2 && error.reason.contains(reason), "\(error)")
    }

    @Test func `the same key in two objects of a line is no mistake`() throws {
        let line = #"{"text":"a","label":"x","m":{"text":1},"n":[{"text":1},{"text":2}]}"#
        #expect(try scratch.rows("a.jsonl", line + "\n") == [["x", "a"]])
    }

    @Test func `unknown keys are listed`() throws {
        let error = try #require(scratch.failure("a.jsonl", "{\"b\":\"1\",\"a\":\"2\"}\n"))
        #expect(error.line == 1)
        #expect(error.reason.contains("\"a\", \"b\""), "\(error)")
    }

    @Test func `invalid UTF-8 is named by line and offset`() throws {
        let good = "{\"text\":\"a\",\"label\":\"x\"}\n"
        let path = scratch.file("a.jsonl", Array(good.utf8) + Array("{\"text\":\"".utf8) + [0xFF] + Array("\"}\n".utf8))
        let error = try #require(scratch.failure(of: path))
        #expect(error.line == 2)
        #expect(error.reason.contains("offset \(good.utf8.count + 9)"), "\(error)")
    }
}
