import Testing

@testable import Corpus

@Suite("What is wrong with a JSON line")
struct JSONDiagnosisTests {
    private func problem(_ text: String) -> JSONDiagnosis.Problem? {
        Array(text.utf8).withUnsafeBytes { JSONDiagnosis.problem(in: $0) }
    }

    @Test(arguments: [
        (#"{"a": "\ud800"}"#, 8, "lone surrogate"), (#"{"a": "\udc00"}"#, 8, "lone surrogate"),
        (#"{"a": "\ud800A"}"#, 8, "lone surrogate"), (#"{"é": NaN}"#, 7, "NaN is no number"),
        (#"{"a": -Infinity}"#, 7, "-Infinity is no number"), (#"{"a": None}"#, 7, "write null"),
        (#"{"a": True}"#, 7, "write true"), (#"{"a": 1,}"#, 9, "a comma before }"),
        (#"{"a": [1,]}"#, 10, "a comma before ]"),
        (#"{'a': 1}"#, 2, "double quotes"), (#"{"a": 'b'}"#, 7, "double quotes"), (#"{"a" 1}"#, 6, "a colon is due"),
        (#"{"a": "b" "c": 1}"#, 11, "a comma or the end"), (#"{"a": "say "no""}"#, 13, "quote within a text"),
        (#"{"a": "b"#, 7, "never ends"), (#"{"a":"#, 6, "ends where a value is due"), (#"{"a": 1"#, 8, "cut off"),
        (#"{"a": 01}"#, 7, "leading 0"), (#"{"a": 1.}"#, 9, "behind the point"), (#"{"a": 1e}"#, 9, "exponent"),
        (#"{"a": "\x"}"#, 8, "no escape"), (#"{"a": "\u12"}"#, 8, "four hexadecimal"),
        (#"{} {}"#, 4, "follows the object"),
        ("{\"a\": \"b\tc\"}", 9, "control character (9)"), (#"{"a": word}"#, 7, "double quotes"),
        (#"{a: 1}"#, 2, "a key in"),
        (#""a""#, 1, "begins with {"), (#"{"a": }"#, 7, "a value is due"),
    ])
    func `column and reason are named`(text: String, column: Int, reason: String) {
        let problem = problem(text)
        #expect(problem?.column == column, "\(text): \(String(describing: problem))")
        #expect(problem?.reason.contains(reason) == true, "\(text): \(String(describing: problem))")
    }

    @Test(arguments: [
        #"{}"#, #" {"a" : [ ] , "b":{"c":[1,-2.5e+3,true,false,null]}} "#, #"{"a":"\ud83d\ude00 \" \\ \/ \n \u00e9"}"#,
        #"{"a":0,"b":-0.1,"c":1E5}"#,
    ]) func `nothing is found in what is right`(text: String) { #expect(problem(text) == nil) }

    @Test func `deep nesting is refused, not followed`() {
        let text = "{\"a\":" + String(repeating: "[", count: 200_000)
        #expect(problem(text)?.reason.contains("nesting") == true)
    }

    /// No bytes at all may crash it.
    @Test(arguments: 0..<40 as Range<UInt64>) func `noise is judged`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let alphabet = Array("{}[]\",:\\u0189dDeE+-. truefalsn".utf8) + [0xC3, 0xA9, 0xFF, 0, 9]
        for length in [0, 1, 2, 5, 12, 60] {
            let bytes = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            for head in [[], Array("{\"a\": ".utf8), Array("{\"a\": \"\\ud8".utf8)] as [[UInt8]] {
                let all = head + bytes
                let problem = all.withUnsafeBytes { JSONDiagnosis.problem(in: $0) }
                if let problem { #expect(problem.column >= 1 && problem.column <= all.count + 1) }
            }
        }
    }

    @Test func `a line's number, column and reason are in the error`() {
        let scratch = Scratch()
        let good = "{\"text\":\"a\",\"label\":\"x\"}\n"
        let error = scratch.failure("a.jsonl", good + "{\"text\":\"a\",\"label\":NaN}\n")
        #expect(error?.line == 2)
        #expect(
            error?.reason
                == "not a JSON object, at column 21: NaN is no number of JSON; write null, or put it in quotes")
        let pretty = scratch.failure("b.json", "{\n \"text\": \"a\"\n}\n")
        #expect(pretty?.reason.contains("jq -c .") == true)
    }
}
