import Synchronization

/// The memory that encoding one text needs, and the words met so far.
///
/// It is used through a pointer: a class would have each access checked for exclusivity at run time.
struct TokenizerScratch: ~Copyable {
    /// The ids found so far.
    var ids = GrowingBuffer<Int32>(capacity: 1024)
    /// Encoding may stop as soon as there are so many.
    var limit = Int.max
    var cache = WordCache()
    /// The text, where it had to be mended; and the two sides of the normalizer's steps.
    let whole = ByteBuffer(), one = ByteBuffer(), two = ByteBuffer()
    /// One for each step of the pre-tokenizer.
    let words: [ByteBuffer]
    /// The two sides of the pre-tokenizer's steps.
    var pieces = GrowingBuffer<WordCutter.Piece>(), otherPieces = GrowingBuffer<WordCutter.Piece>()
    /// Of the unigram model.
    var nodes = GrowingBuffer<UnigramModel.Node>()
    /// Of the model of byte pairs.
    var symbols = GrowingBuffer<Int32>(), merges = GrowingBuffer<MergeTable.Merge>()
    var ranks = GrowingBuffer<Int32>(), links = GrowingBuffer<BytePairModel.Link>()

    init(steps: Int) { words = (0..<steps).map { _ in ByteBuffer() } }

    var isFull: Bool { ids.count >= limit }

    /// Whether a giant text went through, whose memory is not kept.
    fileprivate var isLarge: Bool {
        let most = 4 << 20
        return one.isLarge || two.isLarge || whole.isLarge || words.contains(where: \.isLarge) || ids.bytes > most
            || nodes.bytes > most || symbols.bytes > most || pieces.bytes > most || otherPieces.bytes > most
    }
}

/// The scratch memory of a tokenizer: taken and given back once per text, so that no word waits for a lock.
final class ScratchPool: Sendable {
    typealias Scratch = UnsafeMutablePointer<TokenizerScratch>

    /// Each is used by the one thread that took it.
    private struct Free: @unchecked Sendable {
        var scratch: [Scratch] = []
    }

    private let free = Mutex(Free())
    private let steps: Int

    init(steps: Int) { self.steps = steps }

    deinit { free.withLock { $0.scratch.forEach(Self.remove) } }

    private static func remove(_ scratch: Scratch) {
        scratch.deinitialize(count: 1)
        scratch.deallocate()
    }

    private func make() -> Scratch {
        let scratch = Scratch.allocate(capacity: 1)
        scratch.initialize(to: TokenizerScratch(steps: steps))
        return scratch
    }

    @inline(__always)
    func with<R>(_ body: (Scratch) -> R) -> R {
        // In two steps, for a pointer cannot leave a lock that guards it.
        let scratch = take().scratch.last ?? make()
        let result = body(scratch)
        if scratch.pointee.isLarge {
            Self.remove(scratch)
        } else {
            give(Free(scratch: [scratch]))
        }
        return result
    }

    private func take() -> Free {
        free.withLock { free in
            guard let scratch = free.scratch.popLast() else { return Free() }
            return Free(scratch: [scratch])
        }
    }

    private func give(_ returned: Free) { free.withLock { $0.scratch += returned.scratch } }
}
