import Foundation
import TestSupport
import Testing

@testable import Modeling

@Suite struct TokenizerLengthTests {
    @Test func `a length goes into both files and leaves the rest as it is, byte by byte`() throws {
        let scratch = try Scratch()
        // Two keys that are one to Swift's strings.
        let vocabulary = "{\"\u{E9}\": 1, \"e\u{301}\": 2}"
        try scratch.write("{ \"truncation\" : null,\n\"model\": \(vocabulary) }\n", "tokenizer.json")
        try scratch.write(
            "{\n  \"model_max_length\": 1000000000000000019884624838656,\n  \"x\": [1.50, {}]}", "tokenizer_config.json"
        )
        #expect(try TokenizerLength.read(folder: scratch.path) == nil)
        try TokenizerLength.write(200, to: scratch.path)
        func text(_ name: String) throws -> String { try String(contentsOfFile: scratch.file(name), encoding: .utf8) }
        let truncation = #"{"direction": "Right", "max_length": 200, "strategy": "LongestFirst", "stride": 0}"#
        #expect(
            Array(try text("tokenizer.json").utf8)
                == Array("{ \"truncation\" : \(truncation),\n\"model\": \(vocabulary) }\n".utf8))
        #expect(try text("tokenizer_config.json") == "{\n  \"model_max_length\": 200,\n  \"x\": [1.50, {}]}")
        #expect(try TokenizerLength.read(folder: scratch.path) == 200)
    }

    @Test func `the side on which texts are cut stays`() throws {
        let scratch = try Scratch()
        try scratch.write(#"{"truncation":{"direction":"Left"}}"#, "tokenizer.json")
        try TokenizerLength.write(7, to: scratch.path)
        let left = try String(contentsOfFile: scratch.file("tokenizer.json"), encoding: .utf8)
        #expect(left.contains(#""direction": "Left", "max_length": 7"#))
        try scratch.write(#"{"truncation_side":"right"}"#, "tokenizer_config.json")
        try TokenizerLength.write(8, to: scratch.path)
        let right = try String(contentsOfFile: scratch.file("tokenizer.json"), encoding: .utf8)
        #expect(right.contains(#""direction": "Right", "max_length": 8"#))
    }

    @Test func `a folder with a vocabulary alone gets a configuration`() throws {
        let scratch = try Scratch()
        try TokenizerLength.write(64, to: scratch.path)
        #expect(try scratch.names() == ["tokenizer_config.json"])
        #expect(try TokenizerLength.read(folder: scratch.path) == 64)
        try scratch.write("{}", "tokenizer_config.json")
        try TokenizerLength.write(65, to: scratch.path)
        #expect(try TokenizerLength.read(folder: scratch.path) == 65)
    }

    @Test(arguments: ["[]", "{", "{\"model_max_length\": 0}", "{\"model_max_length\": \"x\"}", ""])
    func `what is no configuration is refused by name`(text: String) throws {
        let scratch = try Scratch()
        try scratch.write(text, "tokenizer_config.json")
        let message = failure { _ = try TokenizerLength.read(folder: scratch.path) }
        #expect(message.hasPrefix(scratch.file("tokenizer_config.json")))
    }
}
