import Foundation
import Modeling
import Support
import Synchronization
import TestSupport
import Testing

@testable import Cluster

/// Embeddings on disk, and what they are found by.
@Suite struct EmbeddingCacheTests {
    private let scratch: Scratch
    private let cache: EmbeddingCache
    private static let values: [Float] = [1, -0.0, .leastNonzeroMagnitude, 3.5, 0.1, -7]

    init() throws {
        scratch = try Scratch()
        cache = EmbeddingCache(path: "\(scratch.path)/a/embeddings")
    }

    private func key(_ number: Int) -> EmbeddingCache.Key { [UInt8](repeating: UInt8(number), count: 32) }

    private func change(_ key: EmbeddingCache.Key, _ body: (inout Data) -> Void) throws {
        let url = URL(fileURLWithPath: cache.file(of: key))
        var data = try Data(contentsOf: url)
        body(&data)
        try data.write(to: url)
    }

    @Test func `what is kept is found, to the bit, by its key alone`() throws {
        #expect(cache.values(of: key(1), count: 6) == nil)
        try cache.keep(Self.values, of: key(1))
        let found = try #require(cache.values(of: key(1), count: 6))
        #expect(found.map(\.bitPattern) == Self.values.map(\.bitPattern))
        #expect(cache.values(of: key(1), count: 5) == nil && cache.values(of: key(2), count: 6) == nil)
        var status = stat()
        #expect(stat(cache.file(of: key(1)), &status) == 0 && status.st_mode & 0o077 == 0)
        #expect(stat(cache.path, &status) == 0 && status.st_mode & 0o077 == 0)
        try cache.keep([2, 3], of: key(1))
        #expect(cache.values(of: key(1), count: 2) == [2, 3])
    }

    @Test func `damage is noticed, and what is damaged is written anew`() throws {
        let damages: [(inout Data) -> Void] = [
            { $0[5] ^= 1 }, { $0[40] ^= 0x80 }, { $0.removeLast() }, { $0.removeAll() }, { $0.append(0) },
            { $0 = Data(count: $0.count) },
        ]
        for damage in damages {
            try cache.keep(Self.values, of: key(1))
            try change(key(1), damage)
            #expect(cache.values(of: key(1), count: 6) == nil)
            try cache.keep(Self.values, of: key(1))
            #expect(cache.values(of: key(1), count: 6) == Self.values)
        }
        // A whole file in the place of another one.
        try cache.keep(Self.values, of: key(2))
        try FileManager.default.removeItem(atPath: cache.file(of: key(1)))
        try FileManager.default.createDirectory(
            atPath: (cache.file(of: key(1)) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: cache.file(of: key(2)), toPath: cache.file(of: key(1)))
        #expect(cache.values(of: key(1), count: 6) == nil)
    }

    @Test func `what is in the way makes no one wait, and is named`() throws {
        let file = cache.file(of: key(1))
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        #expect(mkfifo(file, 0o600) == 0)
        #expect(cache.values(of: key(1), count: 6) == nil)
        try scratch.write("no folder", "file")
        let blocked = EmbeddingCache(path: "\(scratch.path)/file")
        let error = #expect(throws: FileError.self) { try blocked.keep(Self.values, of: key(1)) }
        #expect(error.map { "\($0)".contains("\(scratch.path)/file") } == true)
    }

    @Test func `the files that were not used for the longest time go first`() throws {
        var small = cache
        // A file has 24 + 32 bytes.
        small.byteLimit = 8 * 56
        for number in 0..<10 {
            try small.keep(Self.values, of: key(number))
            var times = [timespec](repeating: timespec(tv_sec: 1000 + number, tv_nsec: 0), count: 2)
            utimensat(AT_FDCWD, small.file(of: key(number)), &times, 0)
        }
        #expect(small.values(of: key(0), count: 6) != nil, "which is used now")
        try scratch.write("mine", "a/embeddings/00/notes.txt")
        try scratch.write("left", "a/embeddings/00/.x.partial-7")
        try scratch.write("new", "a/embeddings/01/.y.partial-8")
        var old = [timespec](repeating: timespec(tv_sec: 1000, tv_nsec: 0), count: 2)
        utimensat(AT_FDCWD, "\(small.path)/00/.x.partial-7", &old, 0)
        small.trim()
        let left = (0..<10).filter { small.values(of: key($0), count: 6) != nil }
        #expect(left == [0] + Array(4..<10), "seven eighths of the limit")
        #expect(try scratch.names("a/embeddings/00").contains("notes.txt"))
        #expect(try !scratch.names("a/embeddings/00").contains(".x.partial-7"))
        #expect(try scratch.names("a/embeddings/01").contains(".y.partial-8"))
        small.trim()
        #expect((0..<10).count { small.values(of: key($0), count: 6) != nil } == 7)
    }

    @Test func `whatever decides the bits decides the key`() {
        let origin = EmbeddingOrigin(weights: "w", model: "m", precision: .float32, products: "AVX2")
        let batch = Samples.batch([3, 2], labels: false)
        func key(
            _ origin: EmbeddingOrigin, _ batch: PackedBatch, program: String = "p"
        ) -> EmbeddingCache.Key { origin.key(of: EmbeddingOrigin.digest(of: batch), program: program) }
        let known = key(origin, batch)
        #expect(known == key(origin, batch) && known.count == 32)
        var others = [key(origin, batch, program: "q")]
        for change in [
            { $0.weights = "v" }, { $0.model = "n" }, { $0.precision = .bf16 }, { $0.products = "AVX-512" },
            { ($0.weights, $0.model) = ("wm", "") },
        ] as [(inout EmbeddingOrigin) -> Void] {
            var other = origin
            change(&other)
            others.append(key(other, batch))
        }
        for change in [
            { $0.tokenIDs[0] += 1 }, { $0.typeIDs[4] ^= 1 }, { $0.offsets[1] -= 1 },
        ] as [(inout PackedBatch) -> Void] {
            var other = batch
            change(&other)
            others.append(key(origin, other))
        }
        #expect(Set(others + [known]).count == others.count + 1)
        #expect(EmbeddingOrigin.program?.isEmpty == false)
    }

    /// A phase whose outputs are numbers of its examples.
    private struct Texts {
        var phase: PhasePlan
        var request: OutputLookup

        init(examples: Int) throws {
            let simulation = try Simulation(CollectionSimulationTests.shape(workers: 1, steps: 0), seed: 1)
            phase = try #require(simulation.coordinator.training.phase)
            phase.model.head = TextEmbedding(SentenceEmbedding(width: 3, pooling: .mean, normalizes: true))
            phase.collection = FakeExamples(count: examples)
            let origin = EmbeddingOrigin(weights: "w", model: "m", precision: .float32, products: "AVX2")
            request = OutputLookup(id: 7, origin: origin, batchSize: 2)
        }

        func outputs(_ number: Int, of examples: Int) -> EvaluationPart {
            EvaluationPart(
                losses: [Double](repeating: 0, count: examples),
                metrics: CollectedOutputs(width: 3, values: (0..<3 * examples).map { Float(100 * number + $0) }))
        }
    }

    private func lookUp(_ store: OutputStore, _ texts: Texts) async -> [Int: CollectedOutputs] {
        await withCheckedContinuation { done in
            store.lookUp(texts.request, texts.phase) { found in
                done.resume(returning: found.compactMapValues { $0.metrics as? CollectedOutputs })
            }
        }
    }

    @Test func `a later run finds what an earlier one has kept`() async throws {
        let texts = try Texts(examples: 5)
        let warnings = Mutex<[String]>([])
        func store(_ program: String? = "p") -> OutputStore {
            OutputStore(cache, program: { program }) { text in warnings.withLock { $0.append(text) } }
        }
        let first = store()
        #expect(await lookUp(first, texts).isEmpty)
        let parts = [texts.outputs(1, of: 2), texts.outputs(2, of: 1)]
        first.keep(CollectedBatches(lookup: 7, first: 1, parts: parts, products: "AVX2"))
        first.keep(CollectedBatches(lookup: 6, first: 0, parts: [texts.outputs(0, of: 2)], products: "AVX2"))
        first.keep(CollectedBatches(lookup: 7, first: 0, parts: [texts.outputs(0, of: 2)], products: "AVX-512"))
        first.close()
        let found = await lookUp(store(), texts)
        #expect(found.keys.sorted() == [1, 2])
        #expect(found[1] == parts[0].metrics as? CollectedOutputs)
        #expect(found[2] == parts[1].metrics as? CollectedOutputs)
        // What another program, or one that does not know itself, has computed is none of this one's.
        #expect(await lookUp(store("q"), texts).isEmpty)
        #expect(await lookUp(store(nil), texts).isEmpty)
        var other = texts
        other.request.origin.products = "AVX-512"
        #expect(await lookUp(store(), other).keys.sorted() == [0])
        #expect(warnings.withLock { $0.isEmpty })
    }

    @Test func `a folder that cannot be written is one warning`() async throws {
        let texts = try Texts(examples: 5)
        try scratch.write("no folder", "file")
        let warnings = Mutex<[String]>([])
        let store = OutputStore(EmbeddingCache(path: "\(scratch.path)/file"), program: { "p" }) { text in
            warnings.withLock { $0.append(text) }
        }
        #expect(await lookUp(store, texts).isEmpty)
        for number in 0..<3 {
            store.keep(
                CollectedBatches(lookup: 7, first: number, parts: [texts.outputs(number, of: 1)], products: "AVX2"))
        }
        store.close()
        let said = warnings.withLock { $0 }
        #expect(said.count == 1 && said[0].contains("--no-embedding-cache") && said[0].contains("\(scratch.path)/file"))
    }
}
