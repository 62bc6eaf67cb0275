import Foundation
import Support

/// Times of repeated work.
enum Stopwatch {
    /// The seconds of one call of `body`: the least over `rounds` rounds of calls that each last at least `seconds`.
    ///
    /// What else runs on a machine makes calls slower and never faster, so the least says most about the code.
    static func least(rounds: Int = 5, seconds: Double = 0.03, _ body: () -> Void) -> Double {
        body()
        var least = Double.infinity
        for _ in 0..<rounds {
            let start = monotonicSeconds()
            var calls = 0
            var elapsed = 0.0
            repeat {
                body()
                calls += 1
                elapsed = monotonicSeconds() - start
            } while elapsed < seconds
            least = min(least, elapsed / Double(calls))
        }
        return least
    }

    /// The seconds of one of exactly `calls` calls.
    static func mean(calls: Int, _ body: () -> Void) -> Double {
        let start = monotonicSeconds()
        for _ in 0..<calls { body() }
        return (monotonicSeconds() - start) / Double(calls)
    }

    /// The median of `values`, which must not be empty.
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
