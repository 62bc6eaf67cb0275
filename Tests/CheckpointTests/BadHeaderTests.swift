import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct BadHeaderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var reason: String
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ reason: String) {
            self.name = name
            self.bytes = bytes
            self.reason = reason
        }

        init(_ name: String, _ header: String, data: Int = 8, _ reason: String) {
            self.init(name, safetensors(header, data: data), reason)
        }
    }

    static let good = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#

    static let cases: [Case] = [
        Case("an empty file", [], "has 0 bytes"),
        Case("seven bytes", [1, 0, 0, 0, 0, 0, 0], "has 7 bytes"),
        Case("a header of no bytes", safetensors("", data: 0), "does not start with '{'"),
        Case(
            "a length beyond the file", safetensors(good, data: 8, length: 1000), "a header of 1000 bytes in a file of"),
        Case("a length of 2^64-1", safetensors(good, data: 8, length: .max), "the limit is 100000000"),
        Case("a length of 2^63", safetensors(good, data: 8, length: 1 << 63), "the limit is 100000000"),
        Case("a length above the limit", safetensors(good, data: 8, length: 100_000_001), "the limit is 100000000"),
        Case("a length cut short", safetensors(good, data: 8, length: 20), "header: "),
        Case("a header that starts with a space", " " + good, "does not start with '{'"),
        Case("an array", "[]", data: 0, "does not start with '{'"),
        Case("text after the object", good + "x", "unexpected text after the end"),
        Case("an unclosed object", String(good.dropLast()), "expected ','"),
        Case("data cut off", good, data: 7, "need 8 bytes of data, there are 7: is the download complete?"),
        Case("no data at all", good, data: 0, "need 8 bytes of data, there are 0"),
        Case("a byte after the data", good, data: 9, "1 bytes after the last tensor"),
        Case("data without tensors", "{}", data: 1, "1 bytes after the last tensor"),
        Case(
            "overlapping tensors",
            #"{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
            "tensor \"b\" overlaps"),
        Case(
            "the same bytes twice",
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "overlaps"),
        Case(
            "a hole between tensors",
            #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            "tensor \"b\" leaves a hole"),
        Case("a hole at the start", #"{"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}"#, "leaves a hole"),
        Case("a negative offset", #"{"a":{"dtype":"U8","shape":[9],"data_offsets":[-1,8]}}"#, "not negative"),
        Case("offsets the wrong way round", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}"#, "impossible"),
        Case("one offset", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}}"#, "impossible"),
        Case("three offsets", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}}"#, "impossible"),
        Case(
            "an offset of 2^64", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,18446744073709551616]}}"#,
            "too large"),
        Case(
            "an offset of 2^63-1",
            #"{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}"#,
            "need 9223372036854775807 bytes of data"),
        Case("a fractional offset", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8.0]}}"#, "whole number"),
        Case("an offset with exponent", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8e0]}}"#, "whole number"),
        Case("a leading zero", #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,08]}}"#, "starts with a zero"),
        Case("a negative size", #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "not negative"),
        Case(
            "a shape that overflows", #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
            "the shape of tensor \"a\" is too large"),
        Case(
            "a shape that overflows back to zero",
            #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, data: 0, "is too large"),
        Case(
            "a shape of the wrong size", #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            "8 bytes, its dtype and shape make 12"),
        Case("a dtype of the wrong size", #"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#, "make 16"),
        Case(
            "65 dimensions",
            #"{"a":{"dtype":"F32","shape":["# + Array(repeating: "1", count: 65).joined(separator: ",")
                + #"],"data_offsets":[0,4]}}"#, data: 4, "more than 64 dimensions"),
        Case("an unknown dtype", #"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, "unknown dtype \"F33\""),
        Case("a dtype in small letters", #"{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}"#, "unknown dtype"),
        Case("a dtype that is a number", #"{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}"#, "expected a string"),
        Case("no dtype", #"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, "lacks dtype"),
        Case("no shape", #"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, "lacks dtype, shape"),
        Case("no offsets", #"{"a":{"dtype":"F32","shape":[2]}}"#, "lacks dtype, shape or data_offsets"),
        Case("a null shape", #"{"a":{"dtype":"F32","shape":null,"data_offsets":[0,8]}}"#, "expected '['"),
        Case("an unknown key", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, "unknown key \"x\""),
        Case(
            "a dtype twice", #"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "\"dtype\" comes twice"),
        Case(
            "a name twice",
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            "tensor \"a\" comes twice"),
        Case(
            "a name twice, once escaped",
            #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#,
            "comes twice"),
        Case("metadata twice", #"{"__metadata__":{},"__metadata__":{}}"#, data: 0, "comes twice"),
        Case("a metadata key twice", #"{"__metadata__":{"a":"","a":""}}"#, data: 0, "comes twice"),
        Case("metadata that is no text", #"{"__metadata__":{"a":1}}"#, data: 0, "expected a string"),
        Case("a tensor that is a list", #"{"a":[]}"#, data: 0, "expected '{'"),
        Case("a tensor that is null", #"{"a":null}"#, data: 0, "expected '{'"),
        Case("a comma too many", #"{"a":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}}"#, "whole number"),
        Case("a comma at the end", String(good.dropLast()) + ",}", "expected a string"),
        Case("a key without quotes", #"{a:{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "expected a string"),
        Case("a string that does not end", #"{"a"#, data: 0, "does not end"),
        Case("an unknown escape", #"{"\x":1}"#, data: 0, "unknown escape"),
        Case("half of a surrogate pair", #"{"\ud800":1}"#, data: 0, "surrogate"),
        Case("a low surrogate alone", #"{"\udc00":1}"#, data: 0, "surrogate"),
        Case("bad hexadecimal digits", #"{"\u12g4":1}"#, data: 0, "hexadecimal"),
        Case("a control character", "{\"a\n\":1}", data: 0, "control character"),
        Case("a NUL", "{\"a\0\":1}", data: 0, "control character"),
        Case(
            "bytes that are not UTF-8", safetensors([0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x3A] + Array("{}}".utf8), data: 0),
            "not UTF-8"),
        Case(
            "an overlong encoding", safetensors([0x7B, 0x22, 0xC0, 0x80, 0x22, 0x3A] + Array("{}}".utf8), data: 0),
            "not UTF-8"),
        Case("nesting a million deep", #"{"a":"# + String(repeating: "[", count: 1_000_000), data: 0, "expected '{'"),
        Case("objects a million deep", String(repeating: #"{"a":"#, count: 1_000_000), data: 0, "unknown key"),
    ]

    @Test(arguments: cases) func `a bad header is refused with file and reason`(_ bad: Case) throws {
        let scratch = try Scratch()
        let path = try scratch.write(bad.bytes)
        let message = failure { _ = try SafetensorsFile(path: path) }
        #expect(message.hasPrefix(path + ": "))
        #expect(message.contains(bad.reason), "\(message)")
        #expect(!message.contains("\n"))
    }

    @Test func `the good header is accepted`() throws {
        let scratch = try Scratch()
        for header in [Self.good, Self.good + "   ", Self.good.replacingOccurrences(of: ":", with: " :\t\r\n")] {
            let file = try SafetensorsFile(path: scratch.write(safetensors(header, data: 8)))
            #expect(file.tensors["a"]?.shape == [2])
        }
        #expect(try SafetensorsFile(path: scratch.write(safetensors("{}", data: 0))).tensors.isEmpty)
    }

    @Test func `a name cannot break the line or flood the message`() throws {
        let scratch = try Scratch()
        let name = #"\u001b[31m\n"# + String(repeating: "x", count: 10_000)
        let path = try scratch.write(safetensors("{\"\(name)\":{}}", data: 0))
        let message = failure { _ = try SafetensorsFile(path: path) }
        #expect(message.contains(#""\u{1B}[31m\u{A}xxx"#))
        #expect(message.utf8.count < path.utf8.count + 300)
    }

    @Test func `what is no file is named`() throws {
        let scratch = try Scratch()
        let lost = scratch.file("lost")
        #expect(failure { _ = try SafetensorsFile(path: lost) } == "\(lost): cannot open it: No such file or directory")
        #expect(failure { _ = try SafetensorsFile(path: scratch.path) } == "\(scratch.path): not a regular file")
        let pipe = scratch.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(failure { _ = try SafetensorsFile(path: pipe) } == "\(pipe): not a regular file")
    }

    /// Headers with a few bytes changed are refused or give tensors that lie within the file: no crash, no overlap.
    @Test func `mutated headers never lead out of the file`() throws {
        let header =
            #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
            + #""b":{"dtype":"F16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}"#
        let original = safetensors(header, data: 33)
        let digitsAndMarks = Array(#"0123456789-+.eE"{}[]:,\ "#.utf8)
        var state: UInt64 = 0x5EED
        func next(_ bound: Int) -> Int {
            // Knuth's MMIX linear congruential generator: good enough, and the same everywhere.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...next(3) {
                let place = next(8 + header.utf8.count)
                switch next(4) {
                case 0: bytes[place] = UInt8(next(256))
                case 1: bytes[place] = digitsAndMarks[next(digitsAndMarks.count)]
                case 2: bytes.remove(at: place)
                default: bytes.insert(digitsAndMarks[next(digitsAndMarks.count)], at: place)
                }
            }
            if next(2) == 0 {
                // Half of them with a true length, or few would get to the JSON.
                let length = UInt64(max(0, bytes.count - 8 - 33))
                for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: length >> (8 * i)) }
            }
            let parsed = bytes.withUnsafeBytes { try? SafetensorsHeader($0, path: "fuzz") }
            guard let parsed else { continue }
            accepted += 1
            let covered = parsed.tensors.values.reduce(0) { $0 + $1.byteRange.count }
            #expect(
                parsed.tensors.values.allSatisfy {
                    $0.byteRange.lowerBound >= 8 && $0.byteRange.upperBound <= bytes.count
                })
            #expect(parsed.tensors.values.allSatisfy { $0.dtype.byteCount(shape: $0.shape) == $0.byteRange.count })
            #expect(covered <= bytes.count - 8)
        }
        // Changed names and metadata are fine; most other changes are not.
        #expect(accepted > 100 && accepted < 10_000)
    }
}
