import Foundation
import Logging
import Support
import Testing

@testable import Collectives

/// Listening, and who gets in.
@Suite struct ConnectionTests {
    /// A plain TCP connection, as anything can make it.
    final class PlainConnection {
        let descriptor: Int32
        private var port: Int

        init?(_ endpoint: String, milliseconds: Int = 5000) {
            guard let parts = TCPEndpoint(endpoint), let address = SocketAddress.resolve(parts.host).first else {
                return nil
            }
            port = parts.ports.lowerBound
            descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
            var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
            for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
                setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            guard address.with(port: port).withPointer({ connect(descriptor, $0, $1) }) == 0 else { return nil }
        }

        deinit { close(descriptor) }

        @discardableResult
        func send(_ bytes: [UInt8]) -> Bool {
            Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) > 0
        }

        /// Whether the other side has ended the connection, within the time limit.
        var wasEnded: Bool {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count == 0 || count < 0 && errno == ECONNRESET { return true }
                if count < 0 { return false }
            }
        }
    }

    /// The greeting of ZMTP 3 with the mechanism NULL.
    static let greeting: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0] + Array("NULL".utf8) + [UInt8](repeating: 0, count: 48)

    /// A listening ROUTER with a gate.
    struct Listener {
        let context: ZeroMQContext
        let router: ZeroMQSocket
        let gate: ConnectionGate
        let lines: LockedArray<String>

        init(
            _ limits: ConnectionGate.Limits = .init(), curve: CurveRole? = nil, handshake: Int32 = 5000,
            context given: ZeroMQContext? = nil
        ) throws {
            context = try given ?? ZeroMQContext()
            let lines = LockedArray<String>(repeating: "", count: 0)
            self.lines = lines
            var options = ZeroMQSocketOptions()
            options.curve = curve
            options.receiveTimeout = 10_000
            options.handshakeTimeout = handshake
            router = try ZeroMQSocket(context, type: .router, options: options)
            _ = try router.bind("tcp://127.0.0.1:*")
            gate = try #require(
                try router.guardConnections(limits, ledger: ConnectionLedger(Logger(lines: { lines.append($0) }))))
        }
    }

    static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<3000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test(arguments: [
        ("tcp://a:5", "a", 5...5), ("tcp://[::1]:5600-5699", "[::1]", 5600...5699), ("tcp://*:*", "*", 0...0),
        ("tcp://[fe80::1%eth0]:1", "[fe80::1%eth0]", 1...1),
    ])
    func `endpoints have hosts and ports`(_ text: String, _ host: String, _ ports: ClosedRange<Int>) throws {
        let endpoint = try #require(TCPEndpoint(text))
        #expect(endpoint.host == host)
        #expect(endpoint.ports == ports)
    }

    @Test(arguments: [
        "", "tcp://", "tcp://a", "tcp://:5", "tcp://a:", "tcp://a:65536", "tcp://a:-5", "tcp://a:5-", "tcp://a:9-5",
        "tcp://a:0-5", "tcp://a:+5", "tcp://::1:5", "tcp://[]:5", "tcp://[::1:5", "ipc://x:5", "tcp://a:5-6-7",
        "tcp://a: 5",
    ])
    func `what is no endpoint is nil`(_ text: String) { #expect(TCPEndpoint(text) == nil) }

    @Test func `the first free port of a range is taken and a full range says so`() throws {
        let context = try ZeroMQContext()
        // Two neighbours that are free now.
        var sockets: [ZeroMQSocket] = []
        var bound: [String] = []
        for attempt in 0..<50 where bound.isEmpty {
            let first = 20_000 + (Int(getpid()) * 7 + attempt * 100) % 10_000
            let range = "tcp://127.0.0.1:\(first)-\(first + 1)"
            let made = try (0..<2).map { _ in try ZeroMQSocket(context, type: .router) }
            guard let one = try? made[0].bind(range), let two = try? made[1].bind(range) else { continue }
            (sockets, bound) = (made, [one, two])
            #expect(one == "tcp://127.0.0.1:\(first)")
            #expect(two == "tcp://127.0.0.1:\(first + 1)")
            #expect {
                try ZeroMQSocket(context, type: .router).bind(range)
            } throws: {
                "\($0)" == "every port of \(range) is in use, choose another range"
            }
            sockets[0].close()
            let third = try ZeroMQSocket(context, type: .router)
            #expect(Self.eventually { (try? third.bind(range)) != nil }, "a port that is free again is taken")
            sockets.append(third)
        }
        #expect(bound.count == 2)
    }

    @Test func `interfaces and IPv6 are listened on`() throws {
        #expect(NetworkInterfaces.names.contains("lo"))
        let context = try ZeroMQContext()
        var sockets: [ZeroMQSocket] = []
        func bind(_ endpoint: String) throws -> String {
            sockets.append(try ZeroMQSocket(context, type: .router))
            return try sockets[sockets.count - 1].bind(endpoint)
        }
        #expect(try bind("tcp://lo:*").hasPrefix("tcp://127.0.0.1:"))
        #expect {
            try bind("tcp://no-such-interface.invalid:5")
        } throws: {
            "\($0)".contains("tcp://no-such-interface.invalid:5; interfaces here: ") && "\($0)".contains("lo")
        }
        // All addresses, of both families.
        let router = try ZeroMQSocket(context, type: .router)
        let endpoint = try router.bind("tcp://*:*")
        let port = try #require(TCPEndpoint(endpoint)).ports.lowerBound
        #expect(PlainConnection("tcp://127.0.0.1:\(port)") != nil)
        guard !SocketAddress.resolve("[::1]").isEmpty, let six = try? bind("tcp://[::1]:*") else { return }
        #expect(six.hasPrefix("tcp://[::1]:"))
        #expect(PlainConnection(six) != nil)
        #expect(PlainConnection("tcp://[::1]:\(port)") != nil)
    }

    @Test func `a filter drops unknown addresses and keeps open connections`() throws {
        let door = try Listener()
        let listener = try #require(door.router.listeners.first)
        let inside = try #require(PlainConnection(door.router.endpoint))
        #expect(Self.eventually { door.gate.openConnections == 1 })
        #expect(PacketFilter(lettingPass: []).attach(to: listener))
        #expect(PlainConnection(door.router.endpoint, milliseconds: 200) == nil)
        // Its greeting is answered still.
        inside.send(Self.greeting)
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(recv(inside.descriptor, &buffer, buffer.count, 0) > 0)
        #expect(PacketFilter(lettingPass: [[127, 0, 0, 2], [127, 0, 0, 1]]).attach(to: listener))
        #expect(PlainConnection(door.router.endpoint) != nil)
        #expect(PacketFilter(lettingPass: [[127, 0, 0, 2]]).attach(to: listener))
        #expect(PlainConnection(door.router.endpoint, milliseconds: 200) == nil)
        PacketFilter.detach(from: listener)
        #expect(PlainConnection(door.router.endpoint) != nil)
    }

    @Test func `a filter compares all bytes of IPv6 addresses`() throws {
        let context = try ZeroMQContext()
        let router = try ZeroMQSocket(context, type: .router)
        guard let endpoint = try? router.bind("tcp://[::1]:*"), let listener = router.listeners.first else { return }
        let own = [UInt8](repeating: 0, count: 15) + [1]
        var other = own
        other[0] = 0x20
        #expect(PacketFilter(lettingPass: [other]).attach(to: listener))
        #expect(PlainConnection(endpoint, milliseconds: 200) == nil)
        #expect(PacketFilter(lettingPass: [other, own]).attach(to: listener))
        #expect(PlainConnection(endpoint) != nil)
    }

    @Test func `tokens come back with time up to a size`() {
        var bucket = TokenBucket(size: 4, perSecond: 2, now: 10)
        for _ in 0..<6 { bucket.take() }
        #expect(bucket.tokens == -2)
        bucket.refill(11.5)
        #expect(bucket.tokens == 1)
        bucket.giveBack()
        #expect(bucket.tokens == 2)
        bucket.refill(1)
        #expect(bucket.tokens == 2, "a clock that goes back gives nothing")
        bucket.refill(100)
        bucket.giveBack()
        #expect(bucket.tokens == 4)
    }

    @Test func `a flood is shut out and reported once while a worker goes on`() throws {
        var limits = ConnectionGate.Limits()
        (limits.burst, limits.perSecond) = (8, 0)
        let door = try Listener(limits)
        let dealer = try ZeroMQSocket(ZeroMQContext(), type: .dealer)
        try dealer.connect(door.router.endpoint)
        try dealer.send([[1]])
        #expect(try door.router.receive(limits: ZeroMQLimits(frames: 2, bytes: 100))?.count == 2)
        var connections: [PlainConnection] = []
        for _ in 0..<2000 where !door.gate.isShut {
            if let plain = PlainConnection(door.router.endpoint, milliseconds: 500) {
                // A command that is no handshake's.
                plain.send(Self.greeting + [4, 5, 1, 2, 3, 4, 5])
                connections.append(plain)
            }
        }
        #expect(Self.eventually { door.gate.isShut })
        #expect(PlainConnection(door.router.endpoint, milliseconds: 200) == nil)
        try dealer.send([[2]])
        #expect(try door.router.receive(limits: ZeroMQLimits(frames: 2, bytes: 100))?.last?.array == [2])
        // Of some, no more is known than that they are gone.
        #expect(
            Self.eventually { door.lines.values.contains { $0.hasPrefix("refused a connection from ") } },
            "\(door.lines.values)")
        #expect(door.lines.values.count { $0.contains("too many connections") } == 1, "\(door.lines.values)")
        #expect(door.lines.values.count <= 3, "\(door.lines.values)")
    }

    @Test func `what is no handshake is ended and reported once per address`() throws {
        let door = try Listener(handshake: 300)
        for bytes in [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), Self.greeting + [UInt8](repeating: 0xff, count: 100),
            // A frame of 2^60 bytes, as a command and as a message.
            Self.greeting + [6, 0x10, 0, 0, 0, 0, 0, 0, 0], Self.greeting + [2, 0x10, 0, 0, 0, 0, 0, 0, 0],
            Array(Self.greeting.prefix(20)), [],
        ] {
            let plain = try #require(PlainConnection(door.router.endpoint, milliseconds: 20_000))
            if !bytes.isEmpty { plain.send(bytes) }
            #expect(plain.wasEnded, "\(bytes.prefix(80))")
        }
        #expect(Self.eventually { door.gate.openConnections == 0 })
        #expect(door.lines.values.count == 1, "\(door.lines.values)")
        #expect(door.lines.values.first?.hasPrefix("refused a connection from 127.0.0.1 to tcp://127.0.0.1:") == true)
    }

    @Test func `a connection can be ended by the descriptor of its messages`() throws {
        let door = try Listener()
        let dealer = try ZeroMQSocket(ZeroMQContext(), type: .dealer)
        let monitor = try dealer.disconnections(name: "test")
        try dealer.connect(door.router.endpoint)
        try dealer.send([[1]])
        let frames = try #require(try door.router.receive(limits: ZeroMQLimits(frames: 2, bytes: 100)))
        #expect(frames[1].property("Peer-Address") == "127.0.0.1")
        #expect(frames[1].property("User-Id") == nil)
        let connection = try #require(frames[1].connection)
        #expect(Self.eventually { door.gate.openConnections == 1 })
        door.gate.end(connection + 1000)
        door.gate.end(0)
        door.gate.end(connection)
        let limits = ZeroMQLimits(frames: 2, bytes: 4096)
        #expect(Self.eventually { (try? monitor.receive(limits: limits, wait: false)) != nil })
    }
}
