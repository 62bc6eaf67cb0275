import Foundation
import Support
import Synchronization

/// Keeps those who open connections without end from costing more than a little: counts what a listening socket
/// accepts, and has the kernel drop further attempts when too many have not proved to belong here.
///
/// A connection takes a token, which is given back when its owner is let in by key; tokens also come back with time.
/// When there are none left, only addresses from which somebody was let in before can connect; when even those use up
/// as many again, nobody can. Connections that there are do not notice.
public final class ConnectionGate: Sendable {
    /// What is let through.
    public struct Limits: Sendable {
        /// Connections at once that have not proved to belong here.
        public var burst = 128.0
        /// So many more each second.
        public var perSecond = 16.0
        /// Connections at all.
        public var open = 4096

        /// The defaults above, and room for `expected` connections that may all come at once.
        public init(expected: Int = 0) {
            burst += 2 * Double(expected)
            open += 2 * expected
        }
    }

    private struct Shared {
        var known: [[UInt8]] = []
        var live: [Int32: SocketAddress] = [:]
        var told: Set<String> = []
        /// Those that began before this gate was there are nobody's.
        var isShut = false
    }

    /// Addresses that lines are written about.
    private static let maxTold = 16

    private let limits: Limits
    private let isSecured: Bool
    private let endpoint: String
    /// The sockets that listen: one for each address.
    private let descriptors: [Int32]
    private let note: @Sendable (String) -> Void
    private let shared = Mutex(Shared())
    private let wakeUp: WakeUp
    private let ends = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Starts to watch `socket`, which listens on TCP.
    ///
    /// - Parameters:
    ///   - socket: Bound already; of the calling thread.
    ///   - isSecured: Whether a finished handshake proves anything: with keys.
    ///   - note: Told once an address of those that were not let in.
    init(
        _ socket: ZeroMQSocket, limits: Limits, isSecured: Bool, note: @escaping @Sendable (String) -> Void
    ) throws(ZeroMQError) {
        self.limits = limits
        self.isSecured = isSecured
        self.note = note
        endpoint = socket.endpoint
        descriptors = socket.listeners
        wakeUp = try WakeUp()
        let monitor = Passed(
            socket: try socket.monitor("gate-\(socket.listeners.first ?? -1)", ZeroMQMonitorEvent.connectionEvents))
        do throws(ResourceLimitError) {
            try NamedThread.start("shoal-gate") { [self] in
                serve(monitor.socket)
                monitor.socket.close()
                ended.signal()
            }
        } catch {
            throw ZeroMQError(error)
        }
    }

    /// A socket on its way to the thread that will use it, alone: hence `@unchecked Sendable`.
    private final class Passed: @unchecked Sendable {
        let socket: ZeroMQSocket
        init(socket: ZeroMQSocket) { self.socket = socket }
    }

    /// Ends the watching; before the socket is closed, by its thread, after its monitoring was stopped.
    func close() {
        guard !ends.exchange(true, ordering: .acquiringAndReleasing) else { return }
        wakeUp.notify()
        ended.wait()
    }

    /// Somebody at this address (in digits) was let in by key: he may connect again whatever others do.
    public func admitted(_ address: String) {
        let host = address.contains(":") && !address.hasPrefix("[") ? "[\(address)]" : address
        guard let bytes = SocketAddress.resolve(host).first?.addressBytes else { return }
        shared.withLock {
            if !$0.known.contains(bytes), $0.known.count < PacketFilter.maxAddresses { $0.known.append(bytes) }
        }
    }

    /// Whether strangers cannot connect now.
    public var isShut: Bool { shared.withLock { $0.isShut } }

    /// Connections that there are.
    public var openConnections: Int { shared.withLock { $0.live.count } }

    /// Ends the connection with this descriptor, if it is still one of the socket's: of a sender of nonsense.
    public func end(_ descriptor: Int32) {
        shared.withLock {
            // The number may belong to another connection, or a file, by now.
            guard let peer = $0.live[descriptor], SocketAddress.peer(of: descriptor) == peer else { return }
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    /// Whether to write `line` about `address`: the first one, unless there were many.
    public func tell(_ address: String, _ line: String) {
        let isNew = shared.withLock { $0.told.count < Self.maxTold && $0.told.insert(address).inserted }
        guard isNew else { return }
        note(line)
        if shared.withLock({ $0.told.count == Self.maxTold }) {
            note("no more is told of connections that were refused at \(endpoint)")
        }
    }

    /// A place for a gate that is made after those who use it.
    public final class Slot: Sendable {
        private let value = Mutex<ConnectionGate?>(nil)

        /// Nothing is in it at first.
        public init() {}

        /// What is in it.
        public var gate: ConnectionGate? {
            get { value.withLock { $0 } }
            set { value.withLock { $0 = newValue } }
        }
    }

    // MARK: the thread

    private enum State { case open, knownOnly, shut }

    private func serve(_ monitor: ZeroMQSocket) {
        var poller = ZeroMQPoller()
        let entry = poller.add(monitor)
        poller.add(fileDescriptor: wakeUp.fileDescriptor)
        var bucket = TokenBucket(size: limits.burst, perSecond: limits.perSecond, now: monotonicSeconds())
        var state = State.open
        var failure: ZeroMQMonitorEvent?
        while !ends.load(ordering: .acquiring) {
            guard (try? poller.wait(milliseconds: state == .open ? nil : 100)) != nil else { return }
            wakeUp.clear()
            if poller.isReadable(entry) {
                // A bounded number: the filter should not come late.
                for _ in 0..<32 {
                    guard
                        let frames = try? monitor.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false)
                    else { break }
                    handle(frames[0].withBytes(ZeroMQMonitorEvent.init(frame:)), &bucket, &failure)
                }
            }
            bucket.refill(monotonicSeconds())
            update(&state, bucket)
        }
    }

    private func handle(
        _ event: ZeroMQMonitorEvent, _ bucket: inout TokenBucket, _ failure: inout ZeroMQMonitorEvent?
    ) {
        switch event {
        case .accepted(let descriptor):
            bucket.take()
            let peer = SocketAddress.peer(of: descriptor)
            shared.withLock { $0.live[descriptor] = peer }
        case .handshakeSucceeded: if isSecured { bucket.giveBack() }
        case .disconnected(let descriptor):
            let peer = shared.withLock { $0.live.removeValue(forKey: descriptor) }
            // The one before was about the same connection.
            if let failed = failure { refused(failed, peer) }
            failure = nil
        case .mechanismMismatch, .handshakeBroken, .handshakeCut: failure = event
        // The gatekeeper tells of those, with their keys.
        case .denied, .other: break
        case .acceptFailed(let code):
            tell("", "a connection to \(endpoint) could not be taken: \(String(cString: strerror(code)))")
        }
    }

    private func refused(_ failure: ZeroMQMonitorEvent, _ peer: SocketAddress?) {
        let address = peer?.description ?? "an unknown address"
        let why =
            switch failure {
            case .mechanismMismatch:
                isSecured ? "it has no keys; start workers with --keys" : "it has keys, and this side none"
            case .handshakeCut: "it ended, or took too long, before it had proved who it is"
            default: "it sent something else than a handshake"
            }
        tell(address, "refused a connection from \(address) to \(endpoint): \(why) (told once an address)")
    }

    private func update(_ state: inout State, _ bucket: TokenBucket) {
        let (live, known) = shared.withLock { ($0.live.count, $0.known) }
        let new: State
        if live >= limits.open || bucket.tokens < -limits.burst {
            new = .shut
        } else if bucket.tokens < 1 || state != .open && bucket.tokens < limits.burst / 4 {
            new = .knownOnly
        } else {
            new = .open
        }
        guard new != state else { return }
        if state == .open {
            tell(
                "flood",
                "too many connections to \(endpoint) that do not prove who they are, or at all (\(live) are open): more "
                    + "are taken only by and by, and those of workers that are known")
        }
        state = new
        switch new {
        case .open: for descriptor in descriptors { PacketFilter.detach(from: descriptor) }
        case .knownOnly: attach(known)
        case .shut: attach([])
        }
        // Only when the filter is there is it so.
        shared.withLock { $0.isShut = new != .open }
    }

    private func attach(_ known: [[UInt8]]) {
        let filter = PacketFilter(lettingPass: known)
        // All of them, whatever becomes of one.
        guard descriptors.map({ filter.attach(to: $0) }).contains(false) else { return }
        tell("filter", "this system cannot drop connections to \(endpoint): \(String(cString: strerror(errno)))")
    }
}

/// So many at once, and so many more each second.
struct TokenBucket: Sendable {
    private(set) var tokens: Double
    private let size: Double
    private let perSecond: Double
    private var filledAt: Double

    init(size: Double, perSecond: Double, now: Double) {
        (tokens, self.size, self.perSecond, filledAt) = (size, size, perSecond, now)
    }

    /// One more; what is taken beyond the last one must be paid back with time.
    mutating func take() { tokens -= 1 }

    mutating func giveBack() { tokens = min(size, tokens + 1) }

    mutating func refill(_ now: Double) {
        tokens = min(size, tokens + max(0, now - filledAt) * perSecond)
        filledAt = max(now, filledAt)
    }
}
