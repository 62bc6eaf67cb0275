import Collectives
import Foundation
import Modeling
import Numerics
import Support
import Synchronization
import TestSupport
import Testing

@testable import Benchmarks

/// That benchmarks run and report what they say; never how fast.
@Suite struct BenchmarkTests {
    private let configuration = ModelConfiguration.tiny(vocabulary: 50, hidden: 32, heads: 2, labels: ["a", "b"])

    private func numbers(_ table: TextTable, _ column: String) throws -> [Double] {
        let index = try #require(table.columns.firstIndex(of: column))
        return table.rows.compactMap { if case .number(let value, _) = $0[index] { value } else { nil } }
    }

    @Test func `the median is that of sorted values`() {
        #expect(Stopwatch.median([3, 1, 2]) == 2)
        #expect(Stopwatch.median([4, 1, 2, 3]) == 2.5)
    }

    @Test func `the model's work is that of its matrices and attention`() {
        // 2 layers of 4 * 32^2 + 2 * 32 * 64 = 8192 weights; 3 tokens: 2 * 8192 * 3, attention 4 * 32 * 9.
        let forward: Double = 2 * (2 * 8192 * 3 + 4 * 32 * 9)
        #expect(ModelWork.inference(configuration.encoder, lengths: [3]) == forward)
        #expect(ModelWork.training(configuration.encoder, lengths: [3, 3]) == 6 * forward)
    }

    @Test func `a step is measured for each precision`() throws {
        let benchmark = StepBenchmark(
            specification: configuration.classifier(), lengths: [5, 16, 1], microBatches: 2, threads: 2, steps: 2)
        let table = try benchmark.table([.float32])
        #expect(try numbers(table, "tokens") == [22])
        for column in ["tokens_per_second", "peak_gflops", "share_of_peak"] {
            #expect(try numbers(table, column).allSatisfy { $0 > 0 && $0.isFinite })
        }
    }

    @Test func `all-reduces are measured for each transport and size`() throws {
        for (wire, compresses) in [(WirePrecision.float32, false), (.bf16, true)] {
            let table = try AllReduceBenchmark(
                sizes: [1, 5000], repetitions: 2, wire: wire, compresses: compresses
            ).table(ranks: 3, [.memory, .ipc, .tcp])
            #expect(try numbers(table, "bytes") == [4, 20_000, 4, 20_000, 4, 20_000])
            // What is read in memory is not sent; what is sent in 16 bits or compressed is less.
            let sent = try numbers(table, "sent_bytes")
            #expect(sent[1] < sent[3] && sent[3] == sent[5] && sent[3] > 4000)
            #expect(try numbers(table, "median_ms").allSatisfy { $0 > 0 })
        }
    }

    @Test func `ranks of several processes are measured together`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ranks-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let endpoints = (0..<2).map { "ipc://\(folder.path)/\($0)" }
        let benchmark = AllReduceBenchmark(sizes: [3, 5000], repetitions: 1, wire: .float32, compresses: false)
        // A thread and no task: the pool of tasks may be full of tests that wait, and each rank waits for the other.
        let other = Mutex<Result<TextTable, any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        Thread {
            let result = Result { try benchmark.table(rank: 1, endpoints: endpoints, connectTimeout: 120) }
            other.withLock { $0 = result }
            isDone.signal()
        }.start()
        let table = try benchmark.table(rank: 0, endpoints: endpoints, connectTimeout: 120)
        isDone.wait()
        #expect(try numbers(table, "bytes") == [12, 20_000])
        #expect(try numbers(try #require(try other.withLock { try $0?.get() }), "bytes") == [12, 20_000])
    }

    @Test func `a simulated step is that of its slowest part`() {
        var model = ScalingModel(
            buckets: [.init(floats: 1e6, readyAt: 0.5), .init(floats: 1e6, readyAt: 1)], computeSeconds: 1,
            optimizerSeconds: 0.25, linkRate: 1e12, latency: 0)
        #expect(model.stepSeconds(hosts: 1) == 1.25)
        #expect(abs(model.stepSeconds(hosts: 2) - 1.25) < 1e-4, "a fast link is never waited for")
        // 4 MB a bucket, half of it each way: 2 s each at 1 MB/s. Sent from 0.5 to 8.5 s without a pause.
        model.linkRate = 1e6
        #expect(abs(model.stepSeconds(hosts: 2) - 8.75) < 1e-9)
        // Nothing is sent before it is there.
        model.buckets[0].readyAt = 1
        #expect(abs(model.stepSeconds(hosts: 2) - 9.25) < 1e-9)
        // More hosts send more, up to twice the vector.
        let times = [2, 3, 4, 16, 256].map { model.stepSeconds(hosts: $0) }
        #expect(times == times.sorted() && times[4] < 1.25 + 16)
        model.bytesPerFloat = 2
        #expect(abs(model.stepSeconds(hosts: 2) - 5.25) < 1e-9)
    }

    @Test func `a host is measured and multiplied`() throws {
        let benchmark = ScalingBenchmark(
            specification: configuration.classifier(), tokensPerHost: 40, microBatches: 2, wire: .float32, latency: 1e-4
        )
        let host = try benchmark.measureHost(threads: 1, precision: .float32)
        #expect(host.computeSeconds > 0 && host.secondsPerMessage > 0)
        let table = benchmark.table(host, hosts: [1, 2, 8], linkRates: [1e9, 1e10])
        let efficiency = try numbers(table, "efficiency")
        #expect(efficiency[0] == 1 && efficiency[3] == 1)
        #expect(efficiency.allSatisfy { $0 > 0 && $0 <= 1 })
        #expect(try numbers(table, "hosts") == [1, 2, 8, 1, 2, 8])
    }

    @Test func `profiles of workers are put together`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("profile-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: FileError.self) { try ProfileReport(folder: folder.path) }
        for worker in 1...2 {
            let profile = Profile()
            let (step, first) = (profile.recorder("step"), profile.recorder("compute 0"))
            step.begin()
            first.begin()
            first.end("GELU, forward")
            first.end("GELU, forward")
            first.end("attention, forward")
            step.end("micro-batches")
            step.end("optimizer")
            try profile.trace(processName: "w").write(to: folder.appendingPathComponent("worker-\(worker).json"))
        }
        let report = try ProfileReport(folder: folder.path)
        let names = report.table.rows.map { if case .text(let name) = $0[0] { name } else { "" } }
        #expect(Set(names).isSuperset(of: ["GELU, forward", "attention, forward", "optimizer"]))
        #expect(!names.contains("micro-batches"))
        #expect(abs(try numbers(report.table, "share").reduce(0, +) - 1) < 1e-9)
        #expect(try numbers(report.table, "calls").reduce(0, +) == 8)
        let trace = try #require(try JSONSerialization.jsonObject(with: report.trace) as? [String: Any])
        let events = try #require(trace["traceEvents"] as? [[String: Any]])
        #expect(events.count { $0["ph"] as? String == "X" } == 10)

        try Data("{}".utf8).write(to: folder.appendingPathComponent("worker-3.json"))
        #expect(throws: FileError.self) { try ProfileReport(folder: folder.path) }
    }

    @Test func `kernels are called as often as is said`() throws {
        let table = KernelBenchmark(rows: 3, width: 20, calls: 2).table()
        #expect(try numbers(table, "elements").prefix(2) == [262_144, 60])
        #expect(try numbers(table, "ns_per_element").allSatisfy { $0 > 0 && $0.isFinite })
        var calls = 0
        _ = Stopwatch.mean(calls: 7) { calls += 1 }
        #expect(calls == 7)
    }

    @Test func `texts are counted`() throws {
        let table = TextBenchmark.tokenization(["ab", "é"]) { $0.count }
        #expect(try numbers(table, "first_seconds").allSatisfy { $0 >= 0 && $0.isFinite })
        #expect(try numbers(table, "bytes") == [4])
        #expect(try numbers(table, "tokens") == [3])
    }
}
