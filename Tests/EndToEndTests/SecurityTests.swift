import Collectives
import Foundation
import Testing

/// Real processes over TCP, with and without keys, and what unauthenticated peers try.
@Suite(.serialized) struct SecurityTests {
    private static let options = ["--epochs", "150", "--heartbeat-timeout", "20"]

    private func calm(_ world: TinyWorld) throws -> String {
        let run = try ShoalProcess.run(world.train("calm", Self.options + ["--workers", "2"]), in: world.folder)
        #expect(run.code == 0, "\(run.process.errors)")
        return try world.weightsHash("calm")
    }

    private func coordinator(
        _ world: TinyWorld, _ endpoint: String, _ more: [String], options: [String] = Self.options
    ) throws -> ShoalProcess {
        var arguments = world.train("run", options + ["--workers", "2"])
        arguments[0] = "coordinator"
        return try ShoalProcess(arguments + ["--bind", endpoint] + more, in: world.folder)
    }

    private func worker(_ world: TinyWorld, _ endpoint: String, keys: String? = nil, _ more: [String] = []) throws
        -> ShoalProcess
    {
        try ShoalProcess(
            ["worker", "--coordinator", endpoint] + (keys.map { ["--keys", world.path($0)] } ?? []) + more,
            in: world.folder)
    }

    /// Waits for the end of a worker that must not have got in, and gives what it says of that.
    private func rejection(_ process: ShoalProcess) -> String {
        #expect(process.wait(seconds: 90) == 1, "\(process.errors)")
        return process.failure ?? process.errors
    }

    @Test func `only keys of the list get in, and one that is revoked is thrown out`() throws {
        let world = try TinyWorld()
        // A rate that does not depend on how long the run is: it is ended when everything was tried.
        let options = ["--schedule", "constant", "--warmup", "0", "--heartbeat-timeout", "20"]
        for (folder, names) in [("keys", ["a", "b", "c"]), ("other", ["x"])] {
            let made = try ShoalProcess.run(["keygen", world.path(folder), "--worker"] + names, in: world.folder)
            #expect(made.code == 0, "\(made.process.errors)")
        }
        func copy(_ from: String, _ to: String) throws {
            try? FileManager.default.removeItem(atPath: world.path(to))
            try FileManager.default.copyItem(atPath: world.path(from), toPath: world.path(to))
        }
        // A worker with another's coordinator, and one with this coordinator but a key of its own making.
        try copy("keys/workers/c", "misled")
        try copy("other/coordinator.pub", "misled/coordinator.pub")
        try copy("keys/coordinator.pub", "other/workers/x/coordinator.pub")
        try copy("keys/workers/b", "stolen")
        let endpoint = "tcp://127.0.0.1:\(freePort())"
        let coordinator = try coordinator(
            world, endpoint, ["--keys", world.path("keys")], options: options + ["--epochs", "1000000"])
        let a = try worker(world, endpoint, keys: "keys/workers/a", ["--ports", "\(freePort())"])
        let b = try worker(world, endpoint, keys: "keys/workers/b")
        try #require(eventually(seconds: 120) { world.steps("run") > 5 }, "\(coordinator.errors)\(a.errors)")
        #expect(rejection(try worker(world, endpoint)).contains("wants keys"))
        #expect(rejection(try worker(world, endpoint, keys: "other/workers/x")).contains("does not let this key in"))
        #expect(rejection(try worker(world, endpoint, keys: "misled")).contains("coordinator.pub is not its key"))
        let unknownPeer = try ShoalProcess.run(["status", endpoint], in: world.folder)
        #expect(unknownPeer.code == 1)
        let status = try ShoalProcess.run(
            ["status", endpoint, "--keys", world.path("keys"), "--timeout", "60"], in: world.folder)
        #expect(status.code == 0, "\(status.process.errors)")
        #expect(try ShoalProcess.run(["keygen", world.path("keys"), "--revoke", "b"], in: world.folder).code == 0)
        #expect(rejection(b).contains("the key of this worker was revoked"))
        #expect(rejection(try worker(world, endpoint, keys: "stolen")).contains("does not let this key in"))
        let sentAway = world.steps("run")
        #expect(eventually(seconds: 60) { world.steps("run") > sentAway + 30 }, "the other one goes on")
        kill(coordinator.process.processIdentifier, SIGINT)
        #expect(coordinator.wait(seconds: 60) == 130, "\(coordinator.errors)")
        #expect(a.wait(seconds: 60) == 75, "the run can go on: \(a.errors)")
        #expect(coordinator.errors.contains("was sent away, as its key was revoked,"))
        let lines = coordinator.errors.split(separator: "\n").filter { $0.contains("refused a connection") }
        // Its key, its address, and perhaps connections that had ended before their address was looked at.
        #expect((1...3).contains(lines.count) && Set(lines).count == lines.count, "once for each address: \(lines)")
        let secret = try String(contentsOfFile: world.path("keys/coordinator.key"), encoding: .utf8)
        #expect(secret.split(separator: "\n").allSatisfy { !coordinator.errors.contains($0) })
        // Every loss and every norm is that of a run of the same length to which nothing happened.
        let log = try world.log("run")
        let calm = try ShoalProcess.run(
            world.train("calm", options + ["--steps", "\(log.count)", "--workers", "1"]), in: world.folder)
        #expect(calm.code == 0, "\(calm.process.errors)")
        #expect(try world.log("calm").prefix(log.count) == log[...])
    }

    /// Connections of unauthenticated peers, as fast as they go, until stopped.
    private final class Attack: @unchecked Sendable {
        private let lock = NSLock()
        private var isOver = false
        private var count = 0
        private let group = DispatchGroup()

        init(on port: Int) {
            for first in 0..<3 {
                group.enter()
                Thread.detachNewThread { [self] in
                    var number = first
                    while !(lock.withLock { isOver }) {
                        connect(port, number)
                        number += 1
                    }
                    group.leave()
                }
            }
        }

        private func connect(_ port: Int, _ number: Int) {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var limit = timeval(tv_sec: 0, tv_usec: 100_000)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            let isConnected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected else { return }
            lock.withLock { count += 1 }
            func greeting(_ mechanism: String) -> [UInt8] {
                let begin: [UInt8] = [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0] + Array(mechanism.utf8)
                return begin + [UInt8](repeating: 0, count: 64 - begin.count)
            }
            let huge: [UInt8] = [2, 0x10, 0, 0, 0, 0, 0, 0, 0]
            let payloads: [[UInt8]] = [
                [], Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(greeting("CURVE").prefix(20)),
                greeting("CURVE") + [UInt8](repeating: 0xff, count: 4096), greeting("CURVE") + huge,
                greeting("NULL") + huge, greeting("NULL") + [UInt8](repeating: 7, count: 4096),
            ]
            let payload = payloads[number % payloads.count]
            if !payload.isEmpty { _ = send(descriptor, payload, payload.count, Int32(MSG_NOSIGNAL)) }
        }

        /// Ends it; the connections that came about.
        func stop() -> Int {
            lock.withLock { isOver = true }
            group.wait()
            return lock.withLock { count }
        }
    }

    @Test(arguments: [true, false])
    func `a flood gets nothing in and is reported a few times`(hasKeys: Bool) throws {
        let world = try TinyWorld()
        let hash = try calm(world)
        if hasKeys {
            #expect(
                try ShoalProcess.run(["keygen", world.path("keys"), "--worker", "a", "b"], in: world.folder).code == 0)
        }
        let (port, dataPort) = (freePort(), freePort())
        let endpoint = "tcp://127.0.0.1:\(port)"
        let coordinator = try coordinator(world, endpoint, hasKeys ? ["--keys", world.path("keys")] : [])
        let workers = try ["a", "b"].map { name in
            try worker(
                world, endpoint, keys: hasKeys ? "keys/workers/\(name)" : nil,
                name == "a" ? ["--ports", "\(dataPort)"] : [])
        }
        try #require(eventually(seconds: 120) { world.steps("run") > 5 }, "\(coordinator.errors)")
        let attacks = [Attack(on: port), Attack(on: dataPort)]
        // Messages over real sockets as well: of peers that know the format, but not the run.
        let context = try ZeroMQContext()
        var options = ZeroMQSocketOptions()
        if hasKeys { options.curve = .client(try CurveKeyPair(), server: try CurveKeyPair().publicKey) }
        var sockets: [ZeroMQSocket] = []
        for target in [port, dataPort] {
            let socket = try ZeroMQSocket(context, type: .dealer, options: options)
            try socket.connect("tcp://127.0.0.1:\(target)")
            for number in 0..<500 {
                try socket.send([[UInt8](repeating: UInt8(number % 256), count: 64), [1]], wait: false)
            }
            sockets.append(socket)
        }
        let before = world.steps("run")
        _ = eventually(seconds: 60) { world.steps("run") > before + 50 || !coordinator.process.isRunning }
        let made = attacks.map { $0.stop() }
        sockets.forEach { $0.close() }
        #expect(made[0] > 20, "it was an attack")
        #expect(coordinator.wait(seconds: 120) == 0, "\(coordinator.errors)")
        for worker in workers { #expect(worker.wait(seconds: 60) == 0, "\(worker.errors)") }
        #expect(try world.weightsHash("run") == hash)
        #expect(!coordinator.errors.contains("workers left"), "no worker was lost: \(coordinator.errors)")
        for process in [coordinator] + workers {
            let lines = process.errors.split(separator: "\n").filter {
                $0.contains("refused") || $0.contains("too many") || $0.contains("ended a connection")
                    || $0.contains(" sent ")
            }
            #expect(lines.count <= 6, "\(lines)")
            #expect(Set(lines).count == lines.count)
        }
        // One line per address: which of the two comes first depends on how quickly the attack sends.
        let reports = ["refused", "ended"].map { "\($0) a connection from 127.0.0.1" }
        #expect(reports.contains(where: coordinator.errors.contains), "\(coordinator.errors)")
    }

    @Test func `where keys or ports cannot be used it is said before anything begins`() throws {
        let world = try TinyWorld()
        func failure(_ arguments: [String], code: Int32 = 64) throws -> String {
            let run = try ShoalProcess.run(arguments, in: world.folder)
            #expect(run.code == code)
            #expect(run.process.errors.split(separator: "\n").count == 1, "\(run.process.errors)")
            return run.process.failure ?? ""
        }
        #expect(try ShoalProcess.run(["keygen", world.path("keys")], in: world.folder).code == 0)
        var arguments = world.train("run", [])
        arguments[0] = "coordinator"
        #expect(try failure(arguments + ["--bind", "tcp://*:*"]).contains("--insecure allows it"))
        #expect(
            try failure(arguments + ["--bind", "tcp://*:*", "--keys", world.path("none")], code: 1).contains(
                "none cannot be read"))
        chmod(world.path("keys/coordinator.key"), 0o644)
        #expect(
            try failure(arguments + ["--bind", "tcp://*:*", "--keys", world.path("keys")], code: 1)
                .contains("keys/coordinator.key can be used by others (mode 644)"))
        #expect(!world.exists("run"), "nothing is left behind")
        let worker = ["worker", "--coordinator", "tcp://127.0.0.1:9"]
        #expect(
            try failure(worker + ["--keys", world.path("keys/workers/none")], code: 1).contains("none cannot be read"))
        #expect(try failure(worker + ["--interface", "none7"]).contains("--interface is none7"))
        #expect(try failure(worker + ["--ports", "9-5"]).contains("--ports is 9-5"))
        #expect(try failure(["worker", "--coordinator", "tcp://nowhere"]).contains("--coordinator is tcp://nowhere"))
        let again = try ShoalProcess.run(["keygen", world.path("keys"), "--worker", "worker"], in: world.folder)
        #expect(again.code == 1)
    }
}
