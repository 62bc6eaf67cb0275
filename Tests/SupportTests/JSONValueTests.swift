import Foundation
import Support
import Testing

struct JSONValueTests {
    private func parse(
        _ text: String, _ repeatedKeys: JSONValue.RepeatedKeys = .refused, rounding: NumberRounding = .nearest
    ) throws(JSONError) -> JSONValue {
        var text = text
        let result = text.withUTF8 { bytes -> Result<JSONValue, JSONError> in
            Result { () throws(JSONError) in
                try JSONValue(
                    parsing: UnsafeRawBufferPointer(bytes), repeatedKeys: repeatedKeys, rounding: rounding)
            }
        }
        return try result.get()
    }

    @Test func `every kind of value is read`() throws {
        let root = try parse(" {\"a\": [1, -2.5, true, false, null, \"x\"], \"b\": {}}\n")
        #expect(root["a"] == .array([.integer(1), .number(-2.5), .bool(true), .bool(false), .null, .string("x")]))
        #expect(root["b"] == .object([:]) && root["c"] == nil)
    }

    @Test func `escapes are read, surrogate pairs included`() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).string == "\"\\/\u{8}\u{C}\n\r\té😀")
    }

    @Test(
        arguments: [
            "", " ", "{", "[", "\"", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "tru", "nul", "01x", "+", "--1", "1 2",
            "[1 2]", "+5", "007", ".5", "5.", "1e", "1e+", "-", "-.5", "1.2.3", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "1e999", "{\"a\":1,\"a\":2}",
            String(repeating: "[", count: 100_000),
        ])
    func `what is no JSON is refused`(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    // What the `tokenizers` library, which reads files with serde_json, makes of such scores.
    @Test(arguments: [
        ("-3.6916445230694404", -3.69164452306944), ("-7.2362148371087525", -7.236214837108752),
        ("-3.8771823013054227", -3.8771823013054223), ("0.1", 0.1), ("-0.0", -0.0), ("1e-5", 1e-05), ("1E+2", 100),
        ("123456789012345678901234567890", 1.2345678901234568e+29), ("18446744073709551615", 1.8446744073709552e+19),
        ("18446744073709551616.5", 1.8446744073709552e+19), ("1844674407370955161.59", 1.8446744073709553e+18),
        ("184467440737095516160.5", 1.844674407370955e+20), ("1844674407370955162000.25", 1.8446744073709552e+21),
        ("-12345.678901234567890123", -12345.678901234567), ("1.7976931348623157e308", 1.7976931348623157e+308),
        ("2.2250738585072014e-308", 2.2250738585072014e-308), ("5e-324", 5e-324), ("1e-400", 0), ("0e999", 0),
        ("9007199254740993.0", 9007199254740994), ("1e-99999999999", 0), ("123456.789e-320", 1.23456789e-315),
        ("3.0000000000000000000000000000001e-5", 3.0000000000000004e-05),
    ])
    func `numbers may be rounded as serde_json does`(_ text: String, _ value: Double) throws {
        #expect(try parse(text, rounding: .serde) == .number(value))
    }

    @Test(arguments: ["1e309", "123456789012345678901234567890e300", "1e99999999999"])
    func `a number that is too large is refused however it is rounded`(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text, rounding: .serde) }
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func `an error has the line and the byte`() {
        #expect(throws: JSONError(problem: "expected a JSON value", byte: 7, line: 3)) { try parse("{\n\"a\":\n?}") }
        #expect(throws: JSONError(problem: "it ends too early", byte: 0, line: 1)) { try parse("") }
    }

    @Test func `members keep their order and the line of their key`() throws {
        let members = try #require(try parse("{\"b\": [\n1],\n\"a\":\n2}").members)
        #expect(members.map(\.key) == ["b", "a"] && members.map(\.line) == [1, 3])
    }

    @Test func `keys are distinguished by their bytes, and the last of equal ones counts`() throws {
        let root = try parse("{\"\u{E9}\":1,\"e\u{301}\":2,\"a\":3,\"a\":4}", .kept)
        #expect(root["\u{E9}"] == .integer(1) && root["e\u{301}"] == .integer(2) && root["a"] == .integer(4))
        #expect(root.members?.count == 4)
        #expect(throws: Never.self) { try parse("{\"\u{E9}\":1,\"e\u{301}\":2}") }
    }

    @Test func `a written value is the same when it is read again`() throws {
        let value: JSONValue = .object([
            "b": .array([.integer(1), .number(0.5), .null, .bool(true)]), "a": .object([:]), "c": .string("x\n\"é"),
        ])
        #expect(value.text.hasPrefix("{\n  \"a\": {},\n  \"b\": [\n    1,"))
        #expect(try parse(value.text) == value)
        #expect(try JSONDecoder().decode(JSONValue.self, from: try StableJSON.line(value)) == value)
        #expect(try parse(value.text) != .object(["a": .object([:])]))
    }
}
