import Testing

@testable import Cluster

@Suite struct ThreadDefaultTests {
    private func configuration(workers: Int, threads: Int? = nil, microBatches: Int = 8) -> RunConfiguration {
        var configuration = RunConfiguration(model: "m", train: "t", output: "o")
        (configuration.workers, configuration.threadsPerWorker) = (workers, threads)
        configuration.microBatches = microBatches
        return configuration
    }

    @Test(arguments: [(1, 2, 2), (2, 2, 1), (4, 2, 1), (2, 8, 4), (3, 8, 2), (1, 64, 8), (3, 64, 3), (1, 1, 1)])
    func `the processors are divided among the workers, as far as there are micro-batches`(
        workers: Int, processors: Int, expected: Int
    ) {
        #expect(configuration(workers: workers).localThreads(processors: processors) == expected)
    }

    @Test func `more threads than processors are warned about`() {
        let text = configuration(workers: 4, threads: 2).threadWarning(processors: 2)
        #expect(text?.hasPrefix("4 workers x 2 threads on 2 processors: ") == true)
        #expect(
            configuration(workers: 1, threads: 3).threadWarning(processors: 1)?.hasPrefix(
                "1 worker x 3 threads on 1 processor:") == true)
        #expect(configuration(workers: 2).threadWarning(processors: 2) == nil)
        #expect(configuration(workers: 1, threads: 2).threadWarning(processors: 2) == nil)
    }

    @Test func `processors without micro-batches are named`() {
        #expect(configuration(workers: 1).idleNotice(processors: 64)?.hasPrefix("8 of 64 processors compute") == true)
        #expect(configuration(workers: 1).idleNotice(processors: 8) == nil)
        #expect(configuration(workers: 1, threads: 1).idleNotice(processors: 64) == nil)
    }

    @Test func `only threads that were given are kept for a run that is resumed`() {
        #expect(configuration(workers: 1).options.threadsPerWorker == nil)
        #expect(configuration(workers: 1, threads: 3).options.threadsPerWorker == 3)
    }

    @Test func `a worker takes the processors that it is given`() {
        #expect(WorkerOptions.threads(7, cpus: "0") == 7)
        #expect(WorkerOptions.threads(nil, cpus: "0") == 1)
        #expect(WorkerOptions.threads(nil, cpus: nil) >= 1)
    }
}
