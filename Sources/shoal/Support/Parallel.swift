import Dispatch
import Synchronization

/// Cuts `count` items into even pieces, one a thread, and works on them side by side; results in the order of the
/// pieces.
func inParallel<Result: Sendable>(
    _ count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Result
) -> [Result] {
    let pieces = max(1, min(threads, count))
    if pieces == 1 { return [body(0..<count)] }
    let results = Mutex([Result?](repeating: nil, count: pieces))
    DispatchQueue.concurrentPerform(iterations: pieces) { piece in
        let result = body(count * piece / pieces..<count * (piece + 1) / pieces)
        results.withLock { $0[piece] = result }
    }
    return results.withLock { $0.compactMap { $0 } }
}
