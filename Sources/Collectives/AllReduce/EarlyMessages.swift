/// Flow control: messages of the step after the one that this rank has begun, kept until it begins it.
///
/// No peer can be more than one step ahead, as a step ends when all ranks have begun it. What is kept is bounded:
/// between steps a full buffer stops reading, so that senders are held back; within one, the peer that sent most has
/// failed.
struct EarlyMessages {
    /// How much is kept.
    struct Limits: Sendable, Equatable {
        /// Bytes of all messages.
        var bytes: Int
        /// Messages.
        var messages: Int
    }

    /// A message that came too early.
    struct Message {
        /// Who sent it.
        var sender: Int
        var header: AllReduceHeader
        var frames: [any ReceivedFrame]
    }

    private struct Share {
        /// The step of which the peer has sent messages.
        var step: UInt64?
        var bytes = 0
    }

    private let limits: Limits
    private var messages: [Message] = []
    private var bytes = 0
    private var shares: [Share]

    /// Nothing from `worldSize` ranks.
    init(worldSize: Int, limits: Limits) {
        self.limits = limits
        shares = [Share](repeating: Share(), count: worldSize)
    }

    /// Whether no more is to be read between steps.
    var isFull: Bool { bytes > limits.bytes || messages.count >= limits.messages }

    /// Why a message cannot be kept.
    struct Overrun: Error, Equatable {
        /// The peer that has failed.
        var rank: Int
        /// What it did.
        var reason: String
    }

    /// Keeps a message.
    ///
    /// - Parameter isStepUnderWay: Whether a full buffer is an error; between steps the caller stops reading instead.
    mutating func add(_ message: Message, isStepUnderWay: Bool) throws(Overrun) {
        let sender = message.sender
        guard shares[sender].step == nil || shares[sender].step == message.header.step else {
            throw Overrun(rank: sender, reason: "it sent messages of several steps to come")
        }
        if isStepUnderWay, isFull {
            // The one that is read now need not be the one that sent them.
            let most = shares.indices.max { shares[$0].bytes < shares[$1].bytes } ?? sender
            throw Overrun(
                rank: most,
                reason: "it sent \(shares[most].bytes >> 20) MiB of the \(bytes >> 20) MiB in "
                    + "\(messages.count) messages that wait for a step to come")
        }
        let size = 256 + message.frames.reduce(0) { $0 + $1.bytes.count }
        messages.append(message)
        bytes += size
        shares[sender].step = message.header.step
        shares[sender].bytes += size
    }

    /// All messages in the order of their arrival; none is kept any more.
    mutating func removeAll() -> [Message] {
        defer { self = EarlyMessages(worldSize: shares.count, limits: limits) }
        return messages
    }
}
