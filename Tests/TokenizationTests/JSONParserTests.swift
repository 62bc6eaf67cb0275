import Support
import Testing

@testable import Tokenization

@Suite("Reading JSON")
struct JSONParserTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8), path: "f") }

    @Test("every kind of value")
    func values() throws {
        let root = try parse(" {\"a\": [1, -2.5, true, false, null, \"x\"], \"b\": {}}\n")
        #expect(root["a"] == .array([.integer(1), .number(-2.5), .bool(true), .bool(false), .null, .string([0x78])]))
        #expect(root["b"] == .object([]) && root["c"] == nil)
    }

    @Test("escapes, surrogate pairs included")
    func escapes() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).string == "\"\\/\u{8}\u{C}\n\r\té😀")
    }

    @Test(
        "what is not JSON",
        arguments: [
            "", " ", "{", "[", "\"", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "tru", "nul", "01x", "+", "--1", "1 2",
            "[1 2]", "+5", "007", ".5", "5.", "1e", "1e+", "-", "-.5", "1.2.3",
            "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"",
            "1e999",
            String(repeating: "[", count: 100_000),
        ])
    func refused(text: String) {
        #expect(throws: FileError.self) { try parse(text) }
    }

    @Test("an error names the line")
    func lines() {
        #expect(
            throws: FileError(
                "f", line: 3, "not valid JSON: a value was expected; the file may be damaged, fetch or save it again")
        ) {
            try parse("{\n\"a\":\n?}")
        }
    }
}
