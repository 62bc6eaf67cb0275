/// Moves messages between the ranks of one generation; the algorithm above it knows nothing of sockets.
///
/// Two connections join a pair of ranks: each rank sends on the one that it has opened, and receives on the other's. A
/// message is answered on the connection that it came over. Used by one thread, except for ``wake``.
protocol Transport: AnyObject {
    /// Where peers connect to.
    var endpoint: String { get }
    /// Ends a ``wait(seconds:reading:)``, from any thread.
    var wake: @Sendable () -> Void { get }

    /// Opens a connection to `peer`, in the background.
    ///
    /// - Throws: ``AllReduceError/incompatiblePeer(peer:reason:)`` if nothing can connect to `endpoint`.
    func connect(to peer: Int, at endpoint: String, now: Double) throws(AllReduceError)

    /// To be called now and then until `peer` has answered: tries the next address of its host.
    func retry(_ peer: Int, now: Double) throws(ZeroMQError)

    /// Sends a message to `peer`, in order. Never waits.
    func send(_ header: [UInt8], _ payload: OutgoingPayload, to peer: Int) throws(ZeroMQError)

    /// Answers a message on the connection of its `sender`. One that has gone meanwhile needs no answer.
    func answer(_ frames: [[UInt8]], to sender: [UInt8])

    /// Whether memory that was lent for `peer` may still be read.
    func isLending(to peer: Int) -> Bool

    /// Waits until something arrives, ``wake`` is called or `seconds` have passed; `nil`: without a limit.
    ///
    /// - Parameter reading: Whether messages of peers end the wait, too; where they don't, their senders are held back.
    func wait(seconds: Double?, reading: Bool) throws(ZeroMQError)

    /// Hands over what has arrived: a bounded number of messages, as long as `wantsMessages`, and all else.
    func receive(while wantsMessages: () -> Bool, _ handle: (Arrival) throws -> Void) throws

    /// Closes the connection that a message came over, whose sender is no peer.
    func end(_ connection: Int32)

    /// Closes all connections; unsent messages get so many seconds. After that no lent memory is read any more, and
    /// only ``wait(seconds:reading:)`` may be called.
    func close(lingering seconds: Double)
}

/// What follows a header.
enum OutgoingPayload {
    case none
    /// Bytes that may change once the call is back.
    case copied(UnsafeRawBufferPointer)
    /// Bytes that stay until ``Transport/isLending(to:)`` says that they are not read any more.
    case lent(UnsafeRawBufferPointer)

    /// The number of bytes.
    var count: Int {
        switch self {
        case .none: 0
        case .copied(let bytes), .lent(let bytes): bytes.count
        }
    }
}

/// Something that a transport has received.
enum Arrival {
    /// On a connection that was opened to this rank; `sender` is the connection's id. There may be no frames.
    case message(sender: [UInt8], frames: [any ReceivedFrame])
    /// The same, but over the limits: read and dropped.
    case dropped(sender: [UInt8], reason: String)
    /// On the connection that this rank has opened to a peer.
    case answer(peer: Int, frames: [any ReceivedFrame])
    /// The same, but over the limits: read and dropped.
    case droppedAnswer(peer: Int, reason: String)
    /// The connection that this rank has opened to a peer has broken.
    case disconnected(peer: Int)
}

/// One frame of a received message.
protocol ReceivedFrame: AnyObject {
    /// The bytes; valid only as long as the frame is.
    var bytes: UnsafeRawBufferPointer { get }
    /// The connection that it came over, for ``Transport/end(_:)``, where that is known.
    var connection: Int32? { get }
}

extension ReceivedFrame {
    /// The number of bytes.
    var count: Int { bytes.count }

    /// A copy of the bytes.
    var array: [UInt8] { withExtendedLifetime(self) { Array(bytes) } }
}

extension ZeroMQMessage: ReceivedFrame {}
