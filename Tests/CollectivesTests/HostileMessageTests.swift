import Foundation
import Logging
import Numerics
import Support
import Testing

@testable import Collectives

/// A peer that sends what it likes.
@Suite struct HostileMessageTests {
    final class RawPeer {
        let context: ZeroMQContext
        let socket: ZeroMQSocket
        init(_ endpoint: String) throws {
            context = try ZeroMQContext()
            var options = ZeroMQSocketOptions()
            options.receiveTimeout = 2000
            options.linger = 1000
            socket = try ZeroMQSocket(context, type: .dealer, options: options)
            try socket.connect(endpoint)
        }
        func send(_ frames: [UInt8]...) throws { try socket.send(frames) }
        /// The kind of the answer; `nil` if none came within two seconds.
        func answer() throws -> AllReduceHeader.Kind? {
            guard let frames = try socket.receive(limits: ZeroMQLimits(frames: 1, bytes: 4096)),
                case .header(let header) = frames[0].withBytes(AllReduceHeader.decode)
            else { return nil }
            return header.kind
        }
    }

    static func header(_ kind: AllReduceHeader.Kind, _ change: (inout AllReduceHeader) -> Void = { _ in }) -> [UInt8] {
        var header = AllReduceHeader(kind: kind, generation: 3, sender: 1, worldSize: 2, segmentFloats: 4096)
        change(&header)
        return header.encoded(extra: min(16, Int(header.partialSums)) * 8)
    }

    /// Waits until `count` messages were refused.
    static func refusals(_ reducer: AllReducer, _ count: Int) -> Bool {
        for _ in 0..<400 where reducer.refusedMessages < count { usleep(10_000) }
        return reducer.refusedMessages == count
    }

    static func victim(_ lines: LockedArray<String>? = nil) throws -> AllReducer {
        var options = AllReduceOptions()
        options.segmentFloats = 4096
        options.timeouts.step = 60
        options.timeouts.close = 0.1
        if let lines { options.logger = Logger(lines: { lines.append($0) }) }
        return try AllReducer(rank: 0, worldSize: 2, generation: 3, bind: "tcp://127.0.0.1:*", options: options)
    }

    @Test func `garbage is refused, counted and reported once`() throws {
        let lines = LockedArray<String>(repeating: "", count: 0)
        let victim = try Self.victim(lines)
        defer { victim.close() }
        let sender = try RawPeer(victim.endpoint)
        var version = Self.header(.hello)
        version[4] = 9
        var magic = Self.header(.hello)
        magic[0] ^= 1
        var kind = Self.header(.hello)
        kind[6] = 200
        let messages: [[[UInt8]]] = [
            [[]], [[1, 2, 3]], [[UInt8](repeating: 7, count: 64)], [version], [magic], [kind],
            [Self.header(.hello), [1]],
            [Self.header(.hello), [UInt8](repeating: 1, count: 17)],
            [Self.header(.hello), [UInt8](repeating: 1, count: 16), [1]],
            [Self.header(.reader)],
            [Self.header(.taken)],
            [Self.header(.hello) + [0]],
            [Self.header(.result) { $0.partialSums = .max }],
            [Self.header(.hello), [], [], [], []],
            [Self.header(.begin)],
            [Self.header(.hello) { $0.sender = 0 }],
            [Self.header(.hello) { $0.sender = .max }],
            [Self.header(.hello) { $0.generation = 2 }],
            [Self.header(.hello) { $0.worldSize = 3 }],
        ]
        for message in messages { try sender.socket.send(message) }
        #expect(Self.refusals(victim, messages.count))
        for message in messages { try sender.socket.send(message) }
        #expect(Self.refusals(victim, 2 * messages.count))
        #expect(Set(lines.values).count == lines.values.count)
        #expect(
            lines.values.allSatisfy { $0.hasPrefix("refused a message from an unknown sender") && !$0.contains("\n") })
        // It still answers those that know the protocol.
        let peer = try RawPeer(victim.endpoint)
        try peer.send(Self.header(.hello))
        #expect(try peer.answer() == .welcome)
    }

    @Test func `an oversized frame costs the sender its connection`() throws {
        let victim = try Self.victim()
        defer { victim.close() }
        let sender = try RawPeer(victim.endpoint)
        try sender.send([UInt8](repeating: 1, count: Reduction.maxPiggybackBytes + 5000))
        let peer = try RawPeer(victim.endpoint)
        try peer.send(Self.header(.hello))
        #expect(try peer.answer() == .welcome)
        #expect(victim.refusedMessages == 0)
    }

    /// Plays rank 1 by hand: after the handshake it lies in every way, then sends what is right.
    @Test func `messages of a step that lie are refused and harm nothing`() throws {
        let victim = try Self.victim()
        defer { victim.close() }
        let endpoint = LockedArray<String>(repeating: "", count: 1)
        let bound = DispatchSemaphore(value: 0)
        let refused = LockedArray<Int>(repeating: 0, count: 1)
        let own = Floats(Array(repeating: 1, count: 3 * 4096))
        let result = Floats(Array(repeating: 9, count: 3 * 4096))
        let errors = World.parallel(2) { thread in
            guard thread == 0 else { return try Self.lie(to: victim, endpoint, bound, refused) }
            bound.wait()
            try victim.connect(to: ["", endpoint.values[0]])
            // The second chunk belongs to rank 1; the third to no bucket.
            try victim.begin(
                ReductionStep(
                    number: 1, tree: ReductionTree(leafCount: 2), partition: [0..<1, 1..<2], buckets: [0..<8192],
                    result: result.pointer))
            let node = TreeNode(level: 0, index: 0)
            victim.submit(bucket: 0, contributions: [Contribution(node: node, base: own.pointer)])
            let reduction = try victim.finish(piggyback: [1])
            #expect(reduction.sumOfSquares == 9 * 8192)
            #expect(reduction.piggybacks == [[1], [4, 2]])
        }
        #expect(errors.allSatisfy { $0 == nil }, "\(errors)")
        #expect((0..<8192).allSatisfy { result.pointer[$0] == 3 })
        #expect((8192..<12288).allSatisfy { result.pointer[$0] == 9 })
        #expect(refused.values[0] > 15)
        #expect(Self.refusals(victim, refused.values[0]))
    }

    private static func lie(
        to victim: AllReducer, _ endpoint: LockedArray<String>, _ bound: DispatchSemaphore, _ refused: LockedArray<Int>
    ) throws {
        let context = try ZeroMQContext()
        var options = ZeroMQSocketOptions()
        options.receiveTimeout = 5000
        let router = try ZeroMQSocket(context, type: .router, options: options)
        endpoint.set(0, try router.bind("tcp://127.0.0.1:*"))
        let liar = try RawPeer(victim.endpoint)
        bound.signal()
        try liar.send(header(.hello))
        #expect(try liar.answer() == .welcome)
        let limits = ZeroMQLimits(frames: 3, bytes: 1 << 20)
        let hello = try #require(try router.receive(limits: limits))
        try router.send([hello[0].array, header(.welcome)])
        // Its contribution shows that the step has begun (hellos may come again before it).
        while try #require(try router.receive(limits: limits)).count != 3 {}

        func floats(_ value: Float, _ count: Int = 4096) -> [UInt8] {
            [Float](repeating: value, count: count).withUnsafeBytes { Array($0) }
        }
        func contribution(_ change: (inout AllReduceHeader) -> Void = { _ in }) -> [UInt8] {
            header(.contribution) {
                ($0.step, $0.node.index, $0.count) = (1, 1, 4096)
                change(&$0)
            }
        }
        func sum(_ change: (inout AllReduceHeader) -> Void = { _ in }) -> [UInt8] {
            var bytes = header(.result) {
                ($0.step, $0.offset, $0.count, $0.partialSums) = (1, 4096, 4096, 1)
                change(&$0)
            }
            bytes.withUnsafeMutableBytes {
                if $0.count >= 72 { $0.storeBytes(of: Double(9 * 4096), toByteOffset: 64, as: Double.self) }
            }
            return bytes
        }
        let lies: [[[UInt8]]] = [
            [contribution { $0.sender = 0 }, floats(7)],
            [contribution { $0.generation = 2 }, floats(7)],
            [contribution { $0.step = 0 }, floats(7)],
            [contribution(), floats(7, 4095)],
            [contribution()],
            [contribution { $0.node.index = 0 }, floats(7)],
            [contribution { ($0.node.level, $0.node.index) = (.max, .max) }, floats(7)],
            [contribution { $0.offset = 4096 }, floats(7)],
            [contribution { $0.offset = 1 }, floats(7)],
            [contribution { $0.offset = .max }, floats(7)],
            [contribution { $0.bucket = 1 }, floats(7)],
            [contribution { $0.bucket = .max }, floats(7)],
            [contribution { $0.count = 4095 }, floats(7, 4095)],
            [contribution { $0.count = .max }, floats(7)],
            [contribution { $0.partialSums = 1 }, floats(7)],
            [sum { $0.offset = 0 }, floats(7)],
            [sum { $0.offset = 8192 }, floats(7)],
            [sum { $0.partialSums = 0 }, floats(7)],
            [sum { $0.partialSums = 2 }, floats(7)],
            [sum { $0.count = 4 }, floats(7, 4)],
            [header(.welcome)],
            [header(.begin) { $0.step = 1 }, [1]],
            [header(.piggyback) { ($0.step, $0.count) = (1, 2) }, [1]],
            [header(.piggyback) { ($0.step, $0.count) = (1, 65_537) }, [UInt8](repeating: 1, count: 65_537)],
            [header(.piggyback) { $0.step = 1 }],
            [header(.hello) { $0.sender = 0 }],
            // It never showed memory of its own, and was not asked to read any.
            [contribution { $0.code = 4 }, [UInt8](repeating: 1, count: 16)],
            [sum { $0.code = 4 }, [UInt8](repeating: 1, count: 16)],
            [contribution { $0.code = 5 }, [UInt8](repeating: 1, count: 16)],
            [header(.taken) { $0.step = 1 }],
            [header(.reader) { $0.step = 1 }, [1]],
        ]
        for lie in lies { try liar.socket.send(lie) }
        let truth = [
            [contribution(), floats(2)], [contribution(), floats(7)], [sum(), floats(3)], [sum(), floats(7)],
            [header(.piggyback) { ($0.step, $0.count) = (1, 2) }, [4, 2]],
        ]
        for message in truth { try liar.socket.send(message) }
        refused.set(0, lies.count + 2)
        #expect(refusals(victim, lies.count + 2))
    }
}
