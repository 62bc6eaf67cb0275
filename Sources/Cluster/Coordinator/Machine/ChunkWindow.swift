import DequeModule

/// Requests for chunks of a state to one sender, of which only so many are under way at a time. Over one connection,
/// the answers come in the order of the requests.
struct ChunkWindow<Request: Sendable>: Sendable {
    /// Requests under way at most.
    let credit: Int
    private(set) var queued: Deque<Request>
    private(set) var outstanding: Deque<Request> = []

    init(credit: Int, _ requests: [Request] = []) {
        self.credit = credit
        queued = Deque(requests)
    }

    /// Whether nothing is to be asked for or under way.
    var isDone: Bool { queued.isEmpty && outstanding.isEmpty }

    mutating func enqueue(_ requests: some Sequence<Request>) { queued.append(contentsOf: requests) }

    /// The next request, if another may be under way; it counts as that then.
    mutating func next() -> Request? {
        guard outstanding.count < credit, let request = queued.popFirst() else { return nil }
        outstanding.append(request)
        return request
    }

    /// An answer came: the request that it must belong to, which is over then.
    mutating func answered() -> Request? { outstanding.popFirst() }
}
