import Foundation
import Testing

@testable import Tokenization

/// The reference's ids for our fixtures; see `Fixtures/make_fixtures.py`.
struct Reference: Decodable {
    var texts: [String]
    var uncased: [[Int32]]
    var cased: [[Int32]]
    var uncasedPairs: [PairCase]
    var casedPairs: [PairCase]
    var addedTexts: [String]
    var added: [[Int32]]

    struct PairCase: Decodable {
        var first: String
        var second: String?
        var maxLength: Int
        var encoding: Encoding

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            first = try values.decode(String.self)
            second = try values.decodeIfPresent(String.self)
            maxLength = try values.decode(Int.self)
            let ids = try values.decode([Int32].self)
            encoding = Encoding(inputIDs: ids, typeIDs: try values.decode([Int32].self))
        }
    }

    static func load() throws -> Reference {
        let data = try Data(contentsOf: fixtures.appending(path: "reference.json"))
        return try JSONDecoder().decode(Reference.self, from: data)
    }
}

struct NoFixtures: Error {}

/// The folder of fixtures.
var fixtures: URL {
    get throws {
        guard let url = Bundle.module.url(forResource: "Fixtures", withExtension: nil) else { throw NoFixtures() }
        return url
    }
}

/// A tokenizer from the fixtures.
func tokenizer(_ name: String) throws -> BertTokenizer {
    try BertTokenizer(modelDirectory: fixtures.appending(path: name).path)
}

/// Runs `body` on a new folder with these files, and removes it.
func withFolder<R>(_ files: [String: String], _ body: (String) throws -> R) throws -> R {
    try withFolder(files.mapValues { Data($0.utf8) }, body)
}

/// Runs `body` on a new folder with these files, and removes it.
func withFolder<R>(_ files: [String: Data], _ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appending(path: "shoal-tokenization-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, data) in files { try data.write(to: folder.appending(path: name)) }
    return try body(folder.path)
}

/// A `vocab.txt` of the special tokens and these.
func vocabulary(_ tokens: String...) -> String {
    (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + tokens).joined(separator: "\n") + "\n"
}

extension BertTokenizer {
    /// The tokens of a text, without [CLS] and [SEP].
    func tokens(_ text: String) -> [String] {
        encode(text, maxLength: 1 << 30).inputIDs.dropFirst().dropLast().map { token($0) ?? "?" }
    }
}
