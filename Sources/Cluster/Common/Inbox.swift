import Collectives
import Synchronization

/// A queue that any thread posts to and one thread, asleep in a poller, takes from.
final class Inbox<Item: Sendable>: Sendable {
    let wakeUp: WakeUp
    private let items = Mutex<[Item]>([])

    init() throws(ZeroMQError) { wakeUp = try WakeUp() }

    func post(_ item: Item) {
        items.withLock { $0.append(item) }
        wakeUp.notify()
    }

    /// Everything posted since the last time.
    func take() -> [Item] {
        wakeUp.clear()
        return items.withLock { items in
            defer { items = [] }
            return items
        }
    }
}
