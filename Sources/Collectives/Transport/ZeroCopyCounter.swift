import Synchronization

/// Counts the zero-copy sends whose memory the library may still read.
///
/// The memory handed to ``ZeroMQSocket/send(lending:more:counter:)`` must stay valid and unchanged until
/// ``outstanding`` no longer counts it.
public final class ZeroCopyCounter: Sendable {
    private let count = Atomic<Int>(0)
    private let drained: EventFD?

    /// A counter; `drained` is notified whenever the count falls to zero.
    public init(drained: EventFD? = nil) { self.drained = drained }

    /// The number of sends not finished yet.
    public var outstanding: Int { count.load(ordering: .acquiring) }

    /// The `hint` for one more send; ``release`` takes it back.
    func lend() -> UnsafeMutableRawPointer {
        count.add(1, ordering: .relaxed)
        return Unmanaged.passRetained(self).toOpaque()
    }

    /// What the library calls, from one of its own threads, when it is done with the memory.
    static let release: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { _, hint in
        guard let hint else { return }
        let counter = Unmanaged<ZeroCopyCounter>.fromOpaque(hint).takeRetainedValue()
        if counter.count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { counter.drained?.notify() }
    }
}
