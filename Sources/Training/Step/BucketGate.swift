import Numerics
import Synchronization

/// Counts the threads that have finished a bucket, and announces buckets in order once all have.
final class BucketGate: Sendable {
    private struct State {
        /// The threads that have not finished a bucket, by bucket.
        var missing: [Int]
        /// The next bucket to announce.
        var next = 0
    }
    private let state: Mutex<State>
    private let ready: @Sendable (_ bucket: Int, _ contributions: [Contribution]) -> Void

    /// A gate for `buckets` buckets, each to be finished by `threads` threads, that calls `ready` once for each bucket.
    init(buckets: Int, threads: Int, ready: @escaping @Sendable (Int, [Contribution]) -> Void) {
        state = Mutex(State(missing: [Int](repeating: threads, count: buckets)))
        self.ready = ready
    }

    /// One more thread has finished `bucket`; `contributions` are those of all threads.
    func finished(_ bucket: Int, _ contributions: [Contribution]) {
        state.withLock { state in
            state.missing[bucket] -= 1
            // Under the lock, so that the order of the announcements is that of the buckets.
            while state.next < state.missing.count, state.missing[state.next] == 0 {
                ready(state.next, contributions)
                state.next += 1
            }
        }
    }
}
