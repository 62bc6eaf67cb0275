import Foundation
import Support
import Testing

@testable import Corpus

@Suite struct ModelNameTests {
    private let scratch = Scratch()
    private var cache: FetchCache { FetchCache(path: scratch.path) }

    @Test func `a model that was fetched is found by its name`() throws {
        let entry = try DatasetCatalog.entry("all-MiniLM-L6-v2")
        #expect(throws: FileError.self) { try cache.modelFolder("all-minilm-l6-v2") }
        do { _ = try cache.modelFolder("all-MiniLM-L6-v2") } catch {
            #expect(
                error.description
                    == "all-MiniLM-L6-v2: is not there yet; bring it with: shoal fetch all-MiniLM-L6-v2")
        }
        let folder = cache.folder(of: entry)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
        let manifest = #"{"archive":"\#(entry.archive.sha256)","conversion":2,"files":{"config.json":2}}"#
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: folder + "/fetched.json"))
        #expect(try cache.modelFolder("all-MiniLM-L6-v2") == folder)
        #expect(try cache.modelFolder("ALL-minilm-l6-v2") == folder)
    }

    @Test func `other names are paths, and a path wins over a name`() throws {
        #expect(try cache.modelFolder("./all-MiniLM-L6-v2") == "./all-MiniLM-L6-v2")
        #expect(try cache.modelFolder("models/mine") == "models/mine")
        #expect(throws: FileError("reuters-r8", "is a data set, not a model; `shoal fetch` lists the models")) {
            try cache.modelFolder("reuters-r8")
        }
    }
}
