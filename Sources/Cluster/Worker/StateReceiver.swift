/// The state on its way to a worker: which chunks to ask for next, and which may come. Pure: it holds no bytes,
/// which `ReplicaWorker.store` writes into the replica.
struct StateReceiver: Sendable, Equatable {
    /// A request for chunks of one vector.
    struct Request: Sendable, Equatable {
        /// The vector.
        var part: StatePart
        /// Its chunks, by index.
        var chunks: Range<Int>
    }

    /// Chunks asked for and not yet received, at most.
    static let window = ControlLimits.chunkCredit / 2

    /// The steps behind the state.
    let step: UInt64
    /// The vectors, in the order in which they are asked for.
    let parts: [PartToLoad]
    private let shape: StateShape
    /// Chunks asked for and received, counted through all parts.
    private var asked = 0
    private var received = 0

    /// Nothing asked for yet.
    ///
    /// - Parameters:
    ///   - step: The steps behind the state.
    ///   - parts: The vectors to load.
    ///   - shape: Their lengths.
    init(step: UInt64, parts: [PartToLoad], shape: StateShape) {
        self.step = step
        self.parts = parts
        self.shape = shape
    }

    /// Whether all chunks are there.
    var isComplete: Bool { received >= total }

    private var total: Int { parts.reduce(0) { $0 + shape.chunks($1.part).count } }

    /// What to ask for now, as far as the window allows: one request per half window, or per rest of a vector, keeps
    /// the number of requests small. It counts as asked for.
    mutating func takeRequests() -> [Request] {
        var requests: [Request] = []
        while let (part, first) = slot(asked) {
            let end = shape.chunks(part).count
            let count = min(Self.window - (asked - received), end - first)
            guard count > 0, count >= Self.window / 2 || first + count == end else { break }
            requests.append(Request(part: part, chunks: first..<(first + count)))
            asked += count
        }
        return requests
    }

    /// Counts a chunk of `bytes` bytes; false where it is not the one that must come next: over one connection, chunks
    /// come in the order in which they were asked for.
    mutating func accept(_ part: StatePart, chunk: Int, bytes: Int) -> Bool {
        guard received < asked, let next = slot(received), next == (part, chunk),
            bytes == (shape.chunks(part).range(chunk)?.count ?? 0) * 4
        else { return false }
        received += 1
        return true
    }

    /// The vector, and the chunk within it, of a number that counts through all parts.
    private func slot(_ number: Int) -> (part: StatePart, chunk: Int)? {
        var rest = number
        for part in parts {
            let count = shape.chunks(part.part).count
            if rest < count { return (part.part, rest) }
            rest -= count
        }
        return nil
    }
}
