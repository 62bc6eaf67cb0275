import Foundation
import Testing

@testable import Collectives

@Suite struct AddressRotationTests {
    private static let hasIPv6: Bool = {
        guard
            let made = try? TCPListener.make("tcp://[::1]:*", backlog: 1, sendBufferBytes: -1, receiveBufferBytes: -1)
        else { return false }
        for descriptor in made { close(descriptor) }
        return true
    }()

    /// Sends a message from a socket that is connected to `host` to one that is bound at `bind`; whether it arrives.
    private func reaches(bind: String, host: String, known: [String]) throws -> Bool {
        let context = try ZeroMQContext()
        let server = try ZeroMQSocket(context, type: .router)
        let client = try ZeroMQSocket(context, type: .dealer)
        let handshakes = try client.handshakes(name: "client")
        defer {
            for socket in [server, client, handshakes] { socket.close() }
            context.terminate()
        }
        try client.setLinger(0)
        let port = try #require(TCPEndpoint(try server.bind(bind))?.ports.lowerBound)
        let addresses = known.flatMap { SocketAddress.resolve($0) }
        // A clock of its own: nothing depends on the time that passes.
        var now = 0.0
        var rotation = try AddressRotation(connecting: client, to: "tcp://\(host):\(port)", now: now) { _ in addresses }
        _ = try client.send([[1]], wait: false)
        for _ in 0..<400 {
            if try server.receive(limits: ZeroMQLimits(frames: 2, bytes: 100), wait: false) != nil { return true }
            while let frames = try handshakes.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false) {
                rotation.handle(frames[0].withBytes(ZeroMQMonitorEvent.init(frame:)), now: now)
            }
            now += 0.05
            if try rotation.turn(client, now: now) { _ = try client.send([[1]], wait: false) }
            usleep(10_000)
        }
        return false
    }

    @Test func `a host with one address is connected to`() throws {
        #expect(try reaches(bind: "tcp://127.0.0.1:*", host: "localhost", known: ["127.0.0.1"]))
        #expect(try reaches(bind: "tcp://127.0.0.1:*", host: "127.0.0.1", known: ["127.0.0.1"]))
    }

    @Test(.enabled(if: hasIPv6)) func `a host with one address of IPv6 is connected to`() throws {
        #expect(try reaches(bind: "tcp://[::1]:*", host: "[::1]", known: ["[::1]"]))
    }

    @Test(.enabled(if: hasIPv6), arguments: [["127.0.0.1", "[::1]"], ["[::1]", "127.0.0.1"]])
    func `of several addresses the one that answers is found`(known: [String]) throws {
        #expect(try reaches(bind: "tcp://127.0.0.1:*", host: "both.test", known: known))
        #expect(try reaches(bind: "tcp://[::1]:*", host: "both.test", known: known))
    }

    @Test func `an address that refuses does not keep the next one from being tried`() throws {
        #expect(try reaches(bind: "tcp://127.0.0.2:*", host: "both.test", known: ["127.0.0.3", "127.0.0.2"]))
    }

    @Test func `a name is bound at all of its addresses, with one port`() throws {
        let context = try ZeroMQContext()
        let server = try ZeroMQSocket(context, type: .router)
        defer {
            server.close()
            context.terminate()
        }
        let endpoint = try server.bind("tcp://localhost:*")
        let port = try #require(TCPEndpoint(endpoint)?.ports.lowerBound)
        #expect(port > 0)
        let own = SocketAddress.resolve("localhost").filter { NetworkInterfaces.has($0) }
        #expect(Set(server.listeners.compactMap { SocketAddress.own(of: $0) }) == Set(own.map { $0.with(port: port) }))
        if Set(own).count > 1 { #expect(endpoint == "tcp://localhost:\(port)") }
    }
}
