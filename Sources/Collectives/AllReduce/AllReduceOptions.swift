import Logging
import Numerics
import Support

/// Limits and time-outs of an ``AllReducer``.
public struct AllReduceOptions: Sendable {
    /// When waits are given up.
    public var timeouts = Timeouts()
    /// In what floats are sent; the same on all ranks.
    public var wire = WirePrecision.float32
    /// Sends what compresses in fewer bytes, without a loss: for links of a few hundred Mbit/s and less, as it costs
    /// the processor some 5 ms per megabyte.
    public var compresses = false
    /// Encrypts everything between the ranks, and accepts no other peers; nil: neither.
    public var security: AllReduceSecurity?
    /// Floats of the largest payload frame, a multiple of 4096; the same on all ranks.
    public var segmentFloats = 1 << 18
    /// Between processes of one machine.
    public var sharedMemory = SharedMemory()
    /// Flow control: what is kept of messages that come too early.
    public var early = Early()
    /// Of the messaging library and the kernel.
    public var sockets = Sockets()
    /// Gets a line about a message that was refused, at most once per peer and reason.
    public var logger = Logger.silent

    /// The defaults above.
    public init() {}

    /// When waits are given up, in seconds.
    public struct Timeouts: Sendable {
        /// For the handshake with all peers.
        public var connect = 30.0
        /// Without any progress, once ``AllReducer/finish(piggyback:)`` waits, before a step is given up. It must cover
        /// the slowest peer's backward pass.
        public var step = 60.0
        /// As many times the seconds of the step before, where that is more than `step`.
        public var stepFactor = 0.0
        /// In place of `step`, until a step was measured; nil for the same.
        public var firstStep: Double?
        /// That a needed peer may still be waited for after its connection was lost (its last messages may be under
        /// way).
        public var lostPeerGrace = 2.0
        /// That ``AllReducer/close()`` gives the last messages to leave.
        public var close = 2.0
    }

    /// Ranks on the same machine, of the same user, can read each other's gradients in memory instead of sending them
    /// through the kernel's sockets, where the system allows it.
    public struct SharedMemory: Sendable {
        /// Whether they do.
        public var isEnabled = true
        /// Payloads of at least so many bytes are read in memory, where that is possible.
        public var minimumBytes = 4 << 10
        /// Peers whose memory is not to be read, and those that turn out to be such; shared by the generations of a
        /// rank.
        public var unreadable = UnreadableMemory()
    }

    /// How much is kept of messages of a step that this rank has not begun. Between steps, no more are read from the
    /// sockets; within one, the peer that sent most of them has failed.
    public struct Early: Sendable {
        /// Bytes of all messages.
        public var maxBytes = 1 << 30
        /// Messages.
        public var maxMessages = 1 << 18
    }

    /// Of the messaging library and the kernel.
    public struct Sockets: Sendable {
        /// Payloads of at least so many bytes are sent without a copy.
        public var zeroCopyBytes = 32 << 10
        /// Messages read ahead from one peer by the library.
        public var receiveHighWaterMark: Int32 = 256
        /// Bytes of the kernel's send and receive buffers. -1: 1 MiB within a host (or what the system allows), which
        /// takes a fifth less processor time than the default; left to the system between hosts, as it adapts them to
        /// the link.
        public var bufferBytes: Int32 = -1
        /// Threads of the library that move bytes.
        public var ioThreads = 1

        func bufferBytes(for endpoint: String) -> Int32 {
            let prefixes = ["ipc://", "tcp://127.", "tcp://[::1]", "tcp://localhost:"]
            let isLocal = prefixes.contains { endpoint.hasPrefix($0) }
            return bufferBytes < 0 && isLocal ? 1 << 20 : bufferBytes
        }
    }

    /// Bytes of the longest frame that there is reason to send.
    var largestFrameBytes: Int { max(segmentFloats * 4, Reduction.maxPiggybackBytes) }

    /// Bytes of the longest message: routing id, header with sums of squares, payload.
    var largestMessageBytes: Int { largestFrameBytes + segmentFloats / 512 + 512 }
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
