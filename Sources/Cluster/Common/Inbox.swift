import Collectives
import Synchronization

/// A queue that any thread posts to and one thread, asleep in a poller, takes from.
final class Inbox<Item: Sendable>: Sendable {
    let eventFD: EventFD
    private let items = Mutex<[Item]>([])

    init() throws(ZeroMQError) { eventFD = try EventFD() }

    func post(_ item: Item) {
        items.withLock { $0.append(item) }
        eventFD.notify()
    }

    /// Everything posted since the last time.
    func take() -> [Item] {
        eventFD.clear()
        return items.withLock { items in
            defer { items = [] }
            return items
        }
    }
}
