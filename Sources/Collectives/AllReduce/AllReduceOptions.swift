import Numerics

/// Limits and time-outs of an ``AllReducer``.
public struct AllReduceOptions: Sendable {
    /// Seconds for the handshake with all peers.
    public var connectTimeout: Double = 30
    /// Seconds without any progress, once ``AllReducer/finish(piggyback:)`` waits, before a step is given up. It must
    /// cover the slowest peer's backward pass.
    public var stepTimeout: Double = 60
    /// As many times the seconds of the step before, where that is more than `stepTimeout`.
    public var stepTimeoutFactor = 0.0
    /// In place of `stepTimeout`, until a step was measured; nil for the same.
    public var firstStepTimeout: Double?
    /// Seconds that a needed peer may still be waited for after its connection was lost (its last messages may be under
    /// way).
    public var lostPeerGrace: Double = 2
    /// In what floats are sent; the same on all ranks.
    public var wire = WirePrecision.float32
    /// Sends what compresses in fewer bytes, without a loss: for links of a few hundred Mbit/s and less, as it costs
    /// the processor some 5 ms a megabyte.
    public var compresses = false
    /// Encrypts everything between the ranks, and lets in nobody else; nil: neither.
    public var security: AllReduceSecurity?
    /// Floats of the largest payload frame, a multiple of 4096; the same on all ranks.
    public var segmentFloats = 1 << 18
    /// Payloads of at least so many bytes are sent without a copy.
    public var zeroCopyBytes = 32 << 10
    /// Lets ranks on the same machine, of the same user, read each other's gradients in memory instead of sending them
    /// through the kernel's sockets, where the system allows it.
    public var sharesMemory = true
    /// Payloads of at least so many bytes are read in memory, where that is possible.
    public var sharedMemoryBytes = 4 << 10
    /// Peers whose memory is not to be read, and those that turn out to be such; shared by the generations of a rank.
    public var unreadable = UnreadableMemory()
    /// Bytes of messages kept for a step that this rank has not begun. Between steps, no more are read from the
    /// sockets; within one, the peer that sent most of them has failed.
    public var maxParkedBytes = 1 << 30
    /// Messages kept for such a step.
    public var maxParkedMessages = 1 << 18
    /// Messages read ahead from one peer by the library.
    public var receiveHighWaterMark: Int32 = 256
    /// Seconds that ``AllReducer/close()`` gives the last messages to leave.
    public var closeTimeout: Double = 2
    /// Bytes of the kernel's send and receive buffers. -1: 1 MiB within a host (or what the system allows), which takes
    /// a fifth less processor time than the default; left to the system between hosts, as it adapts them to the link.
    public var socketBufferBytes: Int32 = -1
    /// Threads of the library that move bytes.
    public var ioThreads = 1
    /// Called, at most once a peer and reason, with a line about a message that was refused. From the I/O thread.
    public var onRefusal: (@Sendable (String) -> Void)?

    /// The defaults above.
    public init() {}

    /// Bytes of the longest frame that there is reason to send.
    var largestFrameBytes: Int { max(segmentFloats * 4, Reduction.maxPiggybackBytes) }

    func bufferBytes(for endpoint: String) -> Int32 {
        let isLocal = ["ipc://", "tcp://127.", "tcp://[::1]", "tcp://localhost:"].contains { endpoint.hasPrefix($0) }
        return socketBufferBytes < 0 && isLocal ? 1 << 20 : socketBufferBytes
    }
}

/// By which keys the ranks know each other.
public struct AllReduceSecurity: Sendable {
    /// This rank's.
    public var own: CurveKeyPair
    /// Those of all ranks, in order.
    public var ranks: [CurvePublicKey]

    /// The keys of a world.
    public init(own: CurveKeyPair, ranks: [CurvePublicKey]) {
        self.own = own
        self.ranks = ranks
    }
}
