import Synchronization

/// The memory that encoding one text needs, and the words met so far.
///
/// Sendable although it is not guarded: `ScratchPool` hands each one to a single thread at a time.
final class TokenizerScratch: @unchecked Sendable {
    /// The ids found so far.
    var ids: [Int32] = []
    /// Encoding may stop as soon as there are so many.
    var limit = Int.max
    var cache = WordCache()
    /// The text, where it had to be mended; and the two sides of the normalizer's steps.
    let whole = ByteBuffer(), one = ByteBuffer(), two = ByteBuffer()
    /// One for each step of the pre-tokenizer.
    let words: [ByteBuffer]
    /// Of the model.
    var symbols: [Int32] = [], ranks: [UInt32] = [], nodes: [UnigramModel.Node] = []
    var queue: [UInt64] = [], links: [BytePairModel.Link] = []

    init(steps: Int) { words = (0..<steps).map { _ in ByteBuffer() } }

    var isFull: Bool { ids.count >= limit }
}

/// The scratch memory of a tokenizer: taken and given back once per text, so that no word waits for a lock.
final class ScratchPool: Sendable {
    private let free = Mutex<[TokenizerScratch]>([])
    private let steps: Int

    init(steps: Int) { self.steps = steps }

    func with<R>(_ body: (TokenizerScratch) -> R) -> R {
        let scratch = free.withLock { $0.popLast() } ?? TokenizerScratch(steps: steps)
        let result = body(scratch)
        // A giant text's memory is not kept.
        let isLarge =
            scratch.one.isLarge || scratch.two.isLarge || scratch.whole.isLarge || scratch.nodes.count > 1 << 18
        if !isLarge { free.withLock { $0.append(scratch) } }
        return result
    }
}
