import Foundation
import Testing

@testable import Collectives

@Suite struct ZeroMQSocketTests {
    private func pair(
        _ router: ZeroMQSocketOptions = .init(), _ dealer: ZeroMQSocketOptions = .init()
    ) throws -> (router: ZeroMQSocket, dealer: ZeroMQSocket) {
        let context = try ZeroMQContext()
        var routerOptions = router
        var dealerOptions = dealer
        routerOptions.receiveTimeout = 5000
        dealerOptions.receiveTimeout = 5000
        let one = try ZeroMQSocket(context, type: .router, options: routerOptions)
        let other = try ZeroMQSocket(context, type: .dealer, options: dealerOptions)
        try other.connect(try one.bind("tcp://127.0.0.1:*"))
        return (one, other)
    }

    @Test func `messages of several frames go both ways`() throws {
        var options = ZeroMQSocketOptions()
        options.routingID = Array("worker-7".utf8)
        let (router, dealer) = try pair(.init(), options)
        #expect(!router.endpoint.hasSuffix("*"))
        try dealer.send([[1, 2], [], [3]])
        let got = try #require(try router.receive(limits: ZeroMQLimits(frames: 4, bytes: 100)))
        #expect(got.map(\.array) == [Array("worker-7".utf8), [1, 2], [], [3]])
        try router.send([got[0].array, [4]])
        #expect(try dealer.receive(limits: ZeroMQLimits(frames: 1, bytes: 1))?.map(\.array) == [[4]])
        #expect(try dealer.receive(limits: ZeroMQLimits(frames: 1, bytes: 1), wait: false) == nil)
    }

    @Test func `messages over the limits are dropped whole and name their sender`() throws {
        var options = ZeroMQSocketOptions()
        options.routingID = [65]
        let (router, dealer) = try pair(.init(), options)
        try dealer.send([[1], [2], [3]])
        try dealer.send([[UInt8](repeating: 0, count: 50)])
        try dealer.send([[9]])
        let limits = ZeroMQLimits(frames: 3, bytes: 20)
        for frames in [4, 2] {
            do {
                _ = try router.receive(limits: limits)
                Issue.record("a message over the limits was taken")
            } catch let refused as ZeroMQMessageRefused {
                #expect(refused.firstFrame == [65])
                #expect(refused.frames == frames)
            }
        }
        #expect(try router.receive(limits: limits)?.map(\.array) == [[65], [9]])
    }

    @Test func `lent memory is given back`() throws {
        let (router, dealer) = try pair()
        let counter = ZeroCopyCounter()
        let bytes = [UInt8](repeating: 5, count: 300_000)
        try bytes.withUnsafeBytes { lent in
            #expect(try dealer.send(lending: lent, counter: counter))
            let got = try router.receive(limits: ZeroMQLimits(frames: 2, bytes: 1 << 20))
            #expect(got?.last?.array == bytes)
            for _ in 0..<500 where counter.outstanding > 0 { usleep(10_000) }
            #expect(counter.outstanding == 0)
        }
    }

    @Test func `terminating the context gives lent memory back even if no peer listens`() throws {
        let context = try ZeroMQContext()
        let counter = ZeroCopyCounter()
        let socket = try ZeroMQSocket(context, type: .dealer)
        try socket.connect("ipc:///tmp/absent-\(UInt32.random(in: 0...(.max)))")
        let bytes = [UInt8](repeating: 5, count: 100_000)
        try bytes.withUnsafeBytes { lent in
            for _ in 0..<3 { try socket.send(lending: lent, counter: counter) }
            #expect(counter.outstanding == 3)
            socket.close()
            context.terminate()
            #expect(counter.outstanding == 0)
        }
    }

    @Test func `sending to an unknown peer is an error where routing is mandatory`() throws {
        var options = ZeroMQSocketOptions()
        options.routerMandatory = true
        let (router, _) = try pair(options)
        do {
            try router.send([[1, 2, 3], [4]])
            Issue.record("sent without a peer")
        } catch {
            #expect(error.isUnreachable)
        }
    }

    @Test func `a peer with the same id takes over where handover is on`() throws {
        var options = ZeroMQSocketOptions()
        options.routerHandover = true
        var id = ZeroMQSocketOptions()
        id.routingID = [66]
        let (router, first) = try pair(options, id)
        let limits = ZeroMQLimits(frames: 2, bytes: 100)
        try first.send([[1]])
        _ = try router.receive(limits: limits)
        id.receiveTimeout = 5000
        let second = try ZeroMQSocket(try ZeroMQContext(), type: .dealer, options: id)
        try second.connect(router.endpoint)
        try second.send([[2]])
        _ = try router.receive(limits: limits)
        try router.send([[66], [7]])
        #expect(try second.receive(limits: limits)?.map(\.array) == [[7]])
    }

    @Test func `bad endpoints are named with what to do`() throws {
        let context = try ZeroMQContext()
        func problem(_ endpoint: String) throws -> String {
            let socket = try ZeroMQSocket(context, type: .router)
            do {
                return try socket.bind(endpoint)
            } catch { return error.description }
        }
        #expect(try problem("tcp://nonsense").contains("not a valid endpoint: 'tcp://nonsense'"))
        #expect(try problem("smoke://x").contains("unknown transport: 'smoke://x'"))
        #expect(try problem("ipc:///no-such-folder-here/x").contains("/no-such-folder-here/x"))
        let long = "ipc:///tmp/" + String(repeating: "x", count: 200)
        #expect(try problem(long).contains("too long"))
        #expect(try problem("tcp://203.0.113.7:4000").contains("tcp://203.0.113.7:4000"))
    }

    @Test func `a notification ends a wait`() throws {
        let wakeUp = try EventFD()
        var poller = ZeroMQPoller()
        let entry = poller.add(fileDescriptor: wakeUp.fileDescriptor)
        #expect(try !poller.wait(milliseconds: 0))
        wakeUp.notify()
        wakeUp.notify()
        #expect(try poller.wait(milliseconds: nil))
        #expect(poller.isReadable(entry))
        wakeUp.clear()
        #expect(try !poller.wait(milliseconds: 0))
        wakeUp.notify()
        #expect(try poller.wait(milliseconds: nil))
    }
}
