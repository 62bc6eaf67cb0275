import Foundation
import Support
import Testing

/// What messages, logs and files of our own are made of.
struct MessageTests {
    @Test func `quoted text stays on one line and is cut in the middle`() {
        #expect(quoted("a label") == "\"a label\"")
        #expect(quoted("a\nb\u{1B}[31m") == #""a\u{A}b\u{1B}[31m""#)
        let long = quoted(String(repeating: "a", count: 200) + "z", limit: 30)
        #expect(long.hasPrefix("\"aaa") && long.contains("…") && long.hasSuffix("az\"") && long.count == 32)
    }

    @Test func `a file error names the line where there is one, and is one line`() {
        #expect(FileError("a.csv", line: 3, "no label").description == "a.csv, line 3: no label")
        #expect(FileError("a.csv", "no label").description == "a.csv: no label")
        #expect(!FileError("a\nb", "x\u{2028}y").description.contains { $0.isNewline })
    }

    @Test func `a repeated log line is logged once, and after 256 lines nothing`() {
        let log = LogDeduplicator()
        #expect(log.shouldLog("a") && !log.shouldLog("a") && log.shouldLog("b"))
        for i in 0..<254 { #expect(log.shouldLog("\(i)")) }
        #expect(!log.shouldLog("one more") && !log.shouldLog("b"))
    }

    @Test func `JSON is the same text for the same value`() throws {
        struct Value: Encodable { let b = "a/b", a = 1 }
        #expect(String(decoding: try StableJSON.line(Value()), as: UTF8.self) == #"{"a":1,"b":"a/b"}"#)
        let document = String(decoding: try StableJSON.document(Value()), as: UTF8.self)
        #expect(document == "{\n  \"a\" : 1,\n  \"b\" : \"a/b\"\n}\n")
    }

    @Test func `a relative path gets the working folder, and .. stays`() {
        let here = FileManager.default.currentDirectoryPath
        #expect(absolutePath("a/b") == here + "/a/b")
        #expect(absolutePath("./a//b/./c/") == here + "/a/b/c")
        #expect(absolutePath("/x/link/../b") == "/x/link/../b")
        #expect(absolutePath("/") == "/" && absolutePath(".") == here)
    }

    @Test func `the clock does not go back`() {
        let first = monotonicSeconds()
        #expect(first > 0 && monotonicSeconds() >= first)
    }
}
