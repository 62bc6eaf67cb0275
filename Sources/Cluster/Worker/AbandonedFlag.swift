import Synchronization

/// Signals to the compute threads, from the control thread, that a step was given up.
final class AbandonedFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }

    /// A new generation begins.
    func clear() { flag.store(false, ordering: .relaxed) }
}
