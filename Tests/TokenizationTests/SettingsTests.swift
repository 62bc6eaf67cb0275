import Foundation
import Support
import Testing

@testable import Tokenization

/// Folders with all sorts of settings; see `Fixtures/make_settings.py`.
private struct Settings: Decodable {
    struct Text: Decodable {
        var first: String
        var second: String?
        var length: Int
    }

    struct Result: Decodable {
        var ids: [Int32]
        var types: [Int32]
    }

    struct Case: Decodable {
        var name: String
        var refused: Bool
        var results: [Result]
        var files: [String: String]
    }

    var texts: [Text]
    var cases: [Case]

    static func load() throws -> Settings {
        try JSONDecoder().decode(
            Settings.self, from: try Data(contentsOf: fixtures.appending(path: "settings.json")))
    }
}

@Suite struct SettingsTests {
    @Test func `ids are those of AutoTokenizer, whatever the settings`() throws {
        let settings = try Settings.load()
        for example in settings.cases where !example.refused {
            try withFolder(example.files) { folder in
                let tokenizer: BertTokenizer
                do { tokenizer = try BertTokenizer(modelDirectory: folder) } catch {
                    Issue.record("\(example.name): \(error)")
                    return
                }
                for (text, expected) in zip(settings.texts, example.results) {
                    let found = tokenizer.encode(text.first, pair: text.second, maxLength: text.length)
                    #expect(found.inputIDs == expected.ids, "\(example.name): \(text.first)")
                    #expect(found.typeIDs == expected.types, "\(example.name): \(text.first)")
                }
            }
        }
    }

    @Test func `what is read past by some is refused by the file's name`() throws {
        let refused = try Settings.load().cases.filter(\.refused)
        #expect(refused.count > 20)
        for example in refused {
            try withFolder(example.files) { folder in
                let error = #expect(throws: FileError.self, "\(example.name)") {
                    try BertTokenizer(modelDirectory: folder)
                }
                let line = error?.description ?? ""
                #expect(line.hasPrefix(folder + "/") && line.contains(".json: ") && line.count < 500, "\(line)")
            }
        }
    }

    @Test func `a tokenizer without a post-processor adds no tokens`() throws {
        let files = [
            "tokenizer.json": tokenizerJSON(processor: "null"),
            "tokenizer_config.json": #"{"tokenizer_class": "PreTrainedTokenizerFast"}"#,
        ]
        let tokenizer = try withFolder(files) { try BertTokenizer(modelDirectory: $0) }
        #expect(!tokenizer.addsSpecialTokens && tokenizer.clsID == nil)
        #expect(tokenizer.encode("a", pair: "a", maxLength: 9) == Encoding(inputIDs: [5, 5], typeIDs: [0, 1]))
        #expect(tokenizer.encode(" ", maxLength: 9).inputIDs.isEmpty)
        #expect(tokenizer.highestSegmentID(pairs: true) == 1 && tokenizer.highestSegmentID(pairs: false) == 0)
    }

    @Test func `of two tokens with the same name the later line of vocab_txt counts`() throws {
        let text = vocabulary("a", "##b", "c", "a", "##b")
        let tokenizer = try withFolder(["vocab.txt": text]) { try BertTokenizer(modelDirectory: $0) }
        #expect(tokenizer.encode("ab c", maxLength: 9).inputIDs == [2, 8, 9, 7, 3])
        #expect(tokenizer.vocabularySize == 10)
    }

    @Test func `a token that is too long is refused by its line, before any work`() throws {
        let long = String(repeating: "a", count: 3_000_000)
        let error = try withFolder(["vocab.txt": vocabulary("a") + long + "\nb\n"]) { folder in
            #expect(throws: FileError.self) { try BertTokenizer(modelDirectory: folder) }
        }
        #expect(error?.line == 7 && error?.reason.hasPrefix("is longer than 65536 bytes") == true)
        let json = tokenizerJSON(vocab: "{\"[UNK]\":0,\n\"\(long)\":1}")
        let other = try withFolder(["tokenizer.json": json]) { folder in
            #expect(throws: FileError.self) { try BertTokenizer(modelDirectory: folder) }
        }
        #expect(other?.line == 2 && other?.description.contains("a token of 3000000 bytes") == true)
    }

    @Test(arguments: ["tokenizer.json", "vocab.txt", "tokenizer_config.json", "added_tokens.json"])
    func `what a download left in the place of a file is named`(name: String) throws {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
        for (content, expected) in [(pointer, "git lfs pull"), (" <!DOCTYPE html><html>", "is a web page")] {
            let files = ["vocab.txt": vocabulary("a")].merging([name: content]) { $1 }
            let error = try withFolder(files) { folder in
                #expect(throws: FileError.self) { try BertTokenizer(modelDirectory: folder) }
            }
            #expect(error?.path.hasSuffix(name) == true && error?.reason.contains(expected) == true, "\(name)")
        }
    }

    @Test func `a folder that only contains the model names it`() throws {
        try withFolder(["modules.json": "[]"]) { folder in
            try FileManager.default.createDirectory(
                atPath: folder + "/0_Transformer", withIntermediateDirectories: false)
            try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/0_Transformer/config.json"))
            let error = #expect(throws: FileError.self) { try BertTokenizer(modelDirectory: folder) }
            #expect(error?.reason.hasSuffix("give \(folder)/0_Transformer") == true)
        }
    }
}
