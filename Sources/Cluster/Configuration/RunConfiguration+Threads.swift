import Support

extension RunConfiguration {
    /// Compute threads of each worker that is started here.
    public var localThreads: Int { localThreads(processors: AvailableProcessors.count) }

    /// As given, or else the `processors` divided among the workers; no more than there are micro-batches for.
    func localThreads(processors: Int) -> Int {
        if let threadsPerWorker { return threadsPerWorker }
        let busy = (microBatches + workers - 1) / max(1, workers)
        return max(1, min(processors / max(1, workers), busy, 1024))
    }

    /// What to say about the threads of workers that are started here, where they do not fit the `processors`.
    func threadWarning(processors: Int) -> String? {
        let threads = localThreads(processors: processors)
        // The greatest numbers allowed are 1024 each.
        guard workers * threads > processors else { return nil }
        return "\(Self.plural(workers, "worker")) x \(Self.plural(threads, "thread")) on "
            + "\(Self.plural(processors, "processor")): they take turns, which is slower than one thread for each processor"
    }

    /// What to say where processors are left idle because the step has too few micro-batches for them.
    func idleNotice(processors: Int) -> String? {
        let threads = localThreads(processors: processors)
        guard threadsPerWorker == nil, threads < processors / max(1, workers) else { return nil }
        return "\(workers * threads) of \(Self.plural(processors, "processor")) compute: --micro-batches is "
            + "\(microBatches); more of them use more processors, and give other weights"
    }

    static func plural(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }
}
