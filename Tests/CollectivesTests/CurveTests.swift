import Foundation
import Logging
import Numerics
import Support
import Testing

@testable import Collectives

@Suite struct CurveTests {
    @Test func `keys are read as they are written`() throws {
        let pair = try CurveKeyPair()
        let again = try #require(CurveKeyPair(secretHexadecimal: pair.secretHexadecimal))
        #expect(again.publicKey == pair.publicKey)
        #expect(CurvePublicKey(hexadecimal: pair.publicKey.description) == pair.publicKey)
        #expect(CurvePublicKey(bytes: pair.publicKey.bytes) == pair.publicKey)
        #expect(try CurveKeyPair().publicKey != pair.publicKey)
        #expect(!"\(pair)".contains(pair.secretHexadecimal), "no secret in a log")
        // The test vector of RFC 7748, 6.1.
        let alice = CurveKeyPair(
            secretHexadecimal: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        #expect(
            alice?.publicKey.description == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    }

    @Test(arguments: [
        "", "12", String(repeating: "0", count: 63), String(repeating: "g", count: 64),
        String(repeating: "+1", count: 32), String(repeating: "0", count: 65), String(repeating: "é", count: 32),
    ])
    func `what is no key is nil`(_ text: String) {
        #expect(CurvePublicKey(hexadecimal: text) == nil)
        #expect(CurveKeyPair(secretHexadecimal: text) == nil)
    }

    @Test func `the gatekeeper answers by the list alone`() throws {
        let (known, unknown) = (try CurveKeyPair().publicKey, try CurveKeyPair().publicKey)
        func answer(_ request: [[UInt8]]) -> (code: String, user: String, denied: [CurvePublicKey?], in: [String]) {
            var denied: [CurvePublicKey?] = []
            var admitted: [String] = []
            let answer = CurveGatekeeper.answer(
                request, { $0 == known }, { admitted.append($0) }, { key, _ in denied.append(key) })
            #expect(answer.count == 6)
            #expect(answer[0] == Array("1.0".utf8))
            return (
                String(decoding: answer[2], as: UTF8.self), String(decoding: answer[4], as: UTF8.self), denied, admitted
            )
        }
        func request(_ mechanism: String, _ credentials: [[UInt8]]) -> [[UInt8]] {
            ["1.0", "7", "shoal", "10.0.0.9", "", mechanism].map { Array($0.utf8) } + credentials
        }
        let good = answer(request("CURVE", [known.bytes]))
        #expect(good.code == "200" && good.user == known.description && good.denied.isEmpty && good.in == ["10.0.0.9"])
        let bad = answer(request("CURVE", [unknown.bytes]))
        #expect(bad.code == "400" && bad.denied == [unknown] && bad.in.isEmpty)
        for nonsense in [
            request("NULL", []), request("PLAIN", [[1], known.bytes]), request("PLAIN", [known.bytes]),
            request("CURVE", [[1]]), request("CURVE", [known.bytes, known.bytes]), [], [[1]],
        ] {
            let answer = answer(nonsense)
            #expect(answer.code == "400" && answer.denied == [nil])
        }
    }

    /// A server with keys, and what clients have seen of it.
    private struct Server {
        let pair: CurveKeyPair
        let gatekeeper: CurveGatekeeper
        let door: ConnectionTests.Listener
        let denied = LockedArray<String>(repeating: "", count: 0)

        init(allowed: Set<CurvePublicKey>) throws {
            pair = try CurveKeyPair()
            let context = try ZeroMQContext()
            let denied = denied
            gatekeeper = try CurveGatekeeper(context, allows: allowed.contains) { key, address in
                denied.append("\(address) \(key?.description ?? "none")")
            }
            door = try ConnectionTests.Listener(curve: .server(pair), context: context)
        }

        func close() {
            door.router.close()
            gatekeeper.close()
        }
    }

    /// What becomes of the first handshake of a client.
    private static func outcome(_ endpoint: String, _ role: CurveRole?) throws -> ZeroMQMonitorEvent? {
        var options = ZeroMQSocketOptions()
        options.curve = role
        options.reconnectInterval = 50
        let dealer = try ZeroMQSocket(ZeroMQContext(), type: .dealer, options: options)
        let monitor = try dealer.handshakes(name: "test")
        try dealer.connect(endpoint)
        try dealer.send([[1]])
        var found: ZeroMQMonitorEvent?
        _ = ConnectionTests.eventually {
            guard let frames = try? monitor.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false) else {
                return false
            }
            let event = frames[0].withBytes(ZeroMQMonitorEvent.init(frame:))
            switch event {
            case .handshakeSucceeded, .mechanismMismatch, .handshakeBroken, .denied, .handshakeCut:
                found = event
                return true
            default: return false
            }
        }
        return found
    }

    @Test func `only keys of the list are accepted and messages name their owner`() throws {
        let (friend, plain) = (try CurveKeyPair(), try CurveKeyPair())
        let server = try Server(allowed: [friend.publicKey])
        defer { server.close() }
        let endpoint = server.door.router.endpoint
        let key = server.pair.publicKey
        #expect(try Self.outcome(endpoint, .client(plain, server: key)) == .denied)
        #expect(server.denied.values.contains("127.0.0.1 \(plain.publicKey)"))
        // It may end the connection before all of its greeting is read.
        #expect([.mechanismMismatch, .handshakeCut].contains(try Self.outcome(endpoint, nil)))
        // Another server's key: the server cannot read what is sent.
        #expect(try Self.outcome(endpoint, .client(friend, server: plain.publicKey)) == .handshakeCut)
        #expect(try Self.outcome(endpoint, .client(friend, server: key)) == .handshakeSucceeded)
        let limits = ZeroMQLimits(frames: 2, bytes: 100)
        let frames = try #require(try server.door.router.receive(limits: limits))
        #expect(frames[1].array == [1])
        #expect(frames[1].property("User-Id") == friend.publicKey.description)
        #expect(try server.door.router.receive(limits: limits, wait: false) == nil, "nothing else came in")
    }

    @Test func `a client with keys finds out that the server has none`() throws {
        let door = try ConnectionTests.Listener()
        let role = CurveRole.client(try CurveKeyPair(), server: try CurveKeyPair().publicKey)
        #expect([.mechanismMismatch, .handshakeCut].contains(try Self.outcome(door.router.endpoint, role)))
    }

    /// Records what a good client sends, through a listener in between, and sends it again.
    @Test func `replayed bytes deliver nothing`() throws {
        let friend = try CurveKeyPair()
        let server = try Server(allowed: [friend.publicKey])
        defer { server.close() }
        let relay = try Relay(to: server.door.router.endpoint)
        defer { relay.close() }
        #expect(
            try Self.outcome(relay.endpoint, .client(friend, server: server.pair.publicKey)) == .handshakeSucceeded)
        let limits = ZeroMQLimits(frames: 2, bytes: 100)
        #expect(try server.door.router.receive(limits: limits)?.count == 2)
        let captured = relay.captured
        #expect(captured.count > 300, "greeting, hello, initiate and the message")
        for _ in 0..<5 {
            let replay = try #require(
                ConnectionTests.PlainConnection(server.door.router.endpoint, milliseconds: 20_000))
            replay.send(captured)
            #expect(replay.wasEnded)
        }
        #expect(try server.door.router.receive(limits: limits, wait: false) == nil)
        #expect(
            server.door.lines.values.count { $0.hasPrefix("refused a connection from 127.0.0.1") } <= 1,
            "\(server.door.lines.values)")
    }

    @Test func `ranks with keys sum and peers without are not accepted`() throws {
        let pairs = try (0..<2).map { _ in try CurveKeyPair() }
        let lines = LockedArray<String>(repeating: "", count: 0)
        let reducers = try (0..<2).map { rank in
            var options = AllReduceOptions()
            options.segmentFloats = 4096
            options.security = AllReduceSecurity(own: pairs[rank], ranks: pairs.map(\.publicKey))
            options.logger = Logger(lines: { lines.append($0) })
            return try AllReducer(rank: rank, worldSize: 2, generation: 1, bind: "tcp://127.0.0.1:*", options: options)
        }
        defer { _ = World.parallel(2) { reducers[$0].close() } }
        let plain = try CurveKeyPair()
        let target = reducers[0].endpoint
        for _ in 0..<5 {
            #expect(try Self.outcome(target, .client(plain, server: pairs[0].publicKey)) == .denied)
            #expect([.mechanismMismatch, .handshakeCut].contains(try Self.outcome(target, nil)))
        }
        let endpoints = reducers.map(\.endpoint)
        let results = LockedArray<Float>(repeating: 0, count: 2)
        let errors = World.parallel(2) { rank in
            try reducers[rank].connect(to: endpoints)
            let (own, result) = (Floats([Float](repeating: 2, count: 8192)), Floats([Float](repeating: 0, count: 8192)))
            try reducers[rank].begin(
                ReductionStep(
                    number: 1, tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2], buckets: [0..<8192],
                    result: result.pointer))
            reducers[rank].submit(
                bucket: 0, contributions: [Contribution(node: TreeNode(level: 0, index: rank), base: own.pointer)])
            _ = try reducers[rank].finish(piggyback: [])
            results.set(rank, result.pointer[8191])
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        #expect(results.values == [4, 4])
        // One of keys and one of connections; perhaps one of those that had ended before their address was looked at.
        #expect((2...3).contains(lines.values.count), "\(lines.values)")
        #expect(Set(lines.values).count == lines.values.count, "\(lines.values)")
        #expect(lines.values.count { $0.contains("its key is not that of a peer") } == 1, "\(lines.values)")
    }
}

/// A listener that hands on what one client sends, both ways, and keeps what it sent.
final class Relay: @unchecked Sendable {
    let endpoint: String
    private let listener: Int32
    private let bytes = LockedArray<UInt8>(repeating: 0, count: 0)

    init(to target: String) throws {
        let made = try TCPListener.make(
            "tcp://127.0.0.1:*", backlog: 4, sendBufferBytes: -1, receiveBufferBytes: -1)
        let door = try #require(made.first)
        listener = door
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(door, $0, &length) }
        }
        endpoint = "tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        let bytes = bytes
        Thread.detachNewThread {
            var waiting = pollfd(fd: door, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 60_000) == 1 else { return }
            let client = accept(door, nil, nil)
            guard client >= 0, let server = ConnectionTests.PlainConnection(target) else { return }
            var ends = [client, server.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while poll(&ends, 2, 60_000) > 0 {
                for side in 0..<2 where ends[side].revents != 0 {
                    let count = recv(ends[side].fd, &buffer, buffer.count, 0)
                    guard count > 0 else {
                        Glibc.close(client)
                        return
                    }
                    if side == 0 { bytes.append(contentsOf: buffer.prefix(count)) }
                    _ = send(ends[1 - side].fd, buffer, count, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }

    var captured: [UInt8] { bytes.values }

    func close() { Glibc.close(listener) }
}
