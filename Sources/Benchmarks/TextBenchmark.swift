import Support

/// Benchmarks over the texts of a file.
public enum TextBenchmark {
    /// The rate at which `encode`, which gives the number of a text's tokens, gets through `texts` on this thread: the
    /// least seconds of several passes, and those of the first one, which has met none of the words.
    public static func tokenization(_ texts: [String], _ encode: (String) -> Int) -> TextTable {
        var table = TextTable(columns: ["texts", "bytes", "tokens", "first_seconds", "seconds", "megabytes_per_second"])
        let bytes = texts.reduce(0) { $0 + $1.utf8.count }
        let start = monotonicSeconds()
        var tokens = texts.reduce(0) { $0 + encode($1) }
        let first = monotonicSeconds() - start
        let seconds = Stopwatch.least(rounds: 3, seconds: 0) { tokens = texts.reduce(0) { $0 + encode($1) } }
        table.add([
            .number(Double(texts.count), decimals: 0), .number(Double(bytes), decimals: 0),
            .number(Double(tokens), decimals: 0), .number(first, decimals: 4), .number(seconds, decimals: 4),
            .number(Double(bytes) / seconds * 1e-6, decimals: 1),
        ])
        return table
    }

    /// The rate at which `classify` gets through `texts` texts of `tokens` tokens; it is run twice, and the better time
    /// counts.
    public static func classification(
        texts: Int, tokens: Int, precision: String, threads: Int, _ classify: () throws -> Void
    ) rethrows -> TextTable {
        var table = TextTable(columns: [
            "precision", "threads", "texts", "tokens", "seconds", "tokens_per_second",
        ])
        var seconds = Double.infinity
        for _ in 0..<2 {
            let start = monotonicSeconds()
            try classify()
            seconds = min(seconds, monotonicSeconds() - start)
        }
        table.add([
            .text(precision), .number(Double(threads), decimals: 0), .number(Double(texts), decimals: 0),
            .number(Double(tokens), decimals: 0), .number(seconds, decimals: 3),
            .number(Double(tokens) / seconds, decimals: 0),
        ])
        return table
    }
}
