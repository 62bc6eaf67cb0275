import Numerics
import Synchronization

/// Maps independent pieces of work over a team of threads.
enum SideBySide {
    /// `body(thread, item)` for each item, whichever thread is free taking the next; results in the order of the items.
    static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], team: ThreadTeam, _ body: @Sendable (Int, Item) -> Result
    ) -> [Result] {
        let next = Atomic(0)
        let results = Mutex([Result?](repeating: nil, count: items.count))
        team.run { thread in
            while true {
                let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard i < items.count else { return }
                let result = body(thread, items[i])
                results.withLock { $0[i] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }
}
