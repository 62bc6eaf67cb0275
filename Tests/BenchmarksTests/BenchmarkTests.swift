import Checkpoint
import Foundation
import Testing

@testable import Benchmarks

/// That benchmarks run and report what they say; never how fast.
@Suite struct BenchmarkTests {
    private var configuration: BertConfiguration {
        var c = BertConfiguration()
        (c.vocabSize, c.hiddenSize, c.layers, c.heads, c.intermediateSize) = (50, 32, 2, 2, 64)
        c.maxPositions = 16
        c.labels = ["a", "b"]
        return c
    }

    private func numbers(_ table: BenchmarkTable, _ column: String) throws -> [Double] {
        let index = try #require(table.columns.firstIndex(of: column))
        return table.rows.compactMap { if case .number(let value, _) = $0[index] { value } else { nil } }
    }

    @Test func `a table aligns its columns and names them in JSON`() throws {
        var table = BenchmarkTable(columns: ["name", "ms"])
        table.add([.text("short"), .number(1.25, decimals: 1)])
        table.add([.text("much longer"), .number(.nan, decimals: 0)])
        #expect(table.text == "name          ms\nshort        1.2\nmuch longer  nan")
        let rows = try #require(
            try JSONSerialization.jsonObject(with: Data(try table.json().utf8)) as? [[String: Any]])
        #expect(rows.count == 2)
        #expect(rows[0]["ms"] as? Double == 1.25)
        #expect(rows[1]["ms"] is NSNull)
    }

    @Test func `the median is that of sorted values`() {
        #expect(Stopwatch.median([3, 1, 2]) == 2)
        #expect(Stopwatch.median([4, 1, 2, 3]) == 2.5)
    }

    @Test func `the model's work is that of its matrices and attention`() {
        // 2 layers of 4 * 32^2 + 2 * 32 * 64 = 8192 weights; 3 tokens: 2 * 8192 * 3, attention 4 * 32 * 9.
        let forward: Double = 2 * (2 * 8192 * 3 + 4 * 32 * 9)
        #expect(ModelWork.inference(configuration, lengths: [3]) == forward)
        #expect(ModelWork.training(configuration, lengths: [3, 3]) == 6 * forward)
    }

    @Test func `a step is measured for each precision`() throws {
        let benchmark = StepBenchmark(
            configuration: configuration, lengths: [5, 16, 1], microBatches: 2, threads: 2, steps: 2)
        let table = try benchmark.table([.float32])
        #expect(try numbers(table, "tokens") == [22])
        for column in ["tokens_per_second", "peak_gflops", "share_of_peak"] {
            #expect(try numbers(table, column).allSatisfy { $0 > 0 && $0.isFinite })
        }
    }

    @Test func `all-reduces are measured for each transport and size`() throws {
        let table = try AllReduceBenchmark(ranks: 3, sizes: [1, 5000], repetitions: 2).table([.ipc, .tcp])
        #expect(try numbers(table, "bytes") == [4, 20_000, 4, 20_000])
        #expect(try numbers(table, "median_ms").allSatisfy { $0 > 0 })
    }

    @Test func `texts are counted`() throws {
        let table = TextBenchmark.tokenization(["ab", "é"]) { $0.count }
        #expect(try numbers(table, "bytes") == [4])
        #expect(try numbers(table, "tokens") == [3])
    }
}
