import Checkpoint
import Cluster
import Foundation
import Modeling
import Testing

/// Whole runs with real processes. One suite, one test at a time: there may be no more than two cores.
@Suite(.serialized) struct TrainingTests {
    @Test func `the number of workers and threads does not change a bit`() throws {
        let world = try TinyWorld()
        let common = ["--epochs", "2", "--validation", world.path("validation.csv")]
        var hashes: [String] = []
        var losses: [[Double]] = []
        for (name, more) in [
            ("w1", ["--workers", "1"]), ("w2", ["--workers", "2"]), ("w3", ["--workers", "3"]),
            ("w4", ["--workers", "4"]), ("w7", ["--workers", "7"]),
            ("w2t2", ["--workers", "2", "--threads-per-worker", "2"]), ("w1t3", ["--threads-per-worker", "3"]),
            ("w2r", ["--workers", "2", "--recompute"]),
            ("w1p", ["--workers", "1", "--pin-workers"]),
        ] {
            let (code, process) = try ShoalProcess.run(world.train(name, common + more), in: world.folder)
            try #require(code == 0, "\(name): \(process.errors)")
            hashes.append(try world.weightsHash(name))
            losses.append(try world.jsonLines("\(name)/metrics.jsonl").compactMap { $0["loss"] as? Double })
        }
        #expect(Set(hashes).count == 1, "\(hashes)")
        #expect(hashes[0].count == 64)
        #expect(Set(losses).count == 1)
        // Two epochs of 20 + 20 + 12 examples.
        let steps = try world.jsonLines("w1/metrics.jsonl").filter { $0["learning_rate"] != nil }
        #expect(steps.count == 6)
        #expect(steps.compactMap { $0["samples"] as? Int } == [20, 20, 12, 20, 20, 12])
        for key in [
            "step", "epoch", "loss", "learning_rate", "gradient_norm", "tokens", "tokens_per_second", "compute_seconds",
            "allreduce_seconds",
        ] { #expect(steps.allSatisfy { $0[key] is NSNumber }, "\(key)") }

        let (code, process) = try ShoalProcess.run(
            world.train("other", common + ["--seed", "43"]), in: world.folder)
        #expect(code == 0, "\(process.errors)")
        #expect(try world.weightsHash("other") != hashes[0])

        let again = ["train", "--config", world.path("w3/run.yaml"), "--output", world.path("again")]
        #expect(try ShoalProcess.run(again, in: world.folder).code == 0)
        #expect(try world.weightsHash("again") == hashes[0], "run.yaml repeats the run")
    }

    @Test func `pinned workers run on their processors, with all their threads`() throws {
        let world = try TinyWorld()
        let allowed = try #require(ProcessorSet.allowed)
        let last = try #require(allowed.numbers.last)
        let worker = try ShoalProcess(
            [
                "worker", "--coordinator", "ipc://\(world.path("absent"))", "--cpus", "\(last)", "--connect-timeout",
                "60",
            ],
            in: world.folder)
        defer { worker.process.terminate() }
        let tasks = "/proc/\(worker.process.processIdentifier)/task"
        func places() -> [String] {
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
            return threads.compactMap { thread in
                let status = try? String(contentsOfFile: "\(tasks)/\(thread)/status", encoding: .utf8)
                return status?.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }?
                    .split(separator: "\t").last.map(String.init)
            }
        }
        // Its control thread and those of the library come after it was pinned.
        #expect(eventually { places().count >= 4 && Set(places()) == ["\(last)"] }, "\(places())")
    }

    @Test(.enabled(if: Precision.bf16.unsupportedReason == nil, "this processor multiplies no bfloat16"))
    func `in bfloat16 too, the number of workers and threads does not change a bit`() throws {
        let world = try TinyWorld()
        var hashes: [String] = []
        for (name, more) in [
            ("w1", []), ("w3", ["--workers", "3"]), ("w1t2", ["--threads-per-worker", "2", "--recompute"]),
        ] {
            let (code, process) = try ShoalProcess.run(
                world.train(name, ["--epochs", "2", "--precision", "bf16"] + more), in: world.folder)
            try #require(code == 0, "\(name): \(process.errors)")
            hashes.append(try world.weightsHash(name))
        }
        #expect(Set(hashes).count == 1, "\(hashes)")
        let (code, process) = try ShoalProcess.run(world.train("f32", ["--epochs", "2"]), in: world.folder)
        try #require(code == 0, "\(process.errors)")
        #expect(try world.weightsHash("f32") != hashes[0])
    }

    @Test func `a model is learnt, saved, evaluated and asked`() throws {
        let world = try TinyWorld()
        let (code, process) = try ShoalProcess.run(
            world.train("run", ["--epochs", "15", "--workers", "2"]), in: world.folder)
        try #require(code == 0, "\(process.errors)")
        let result = try world.json("run/result.json")
        let test = result["test"] as? [String: Any] ?? [:]
        let accuracy = test["accuracy"] as? Double ?? 0
        #expect(accuracy > 0.9)
        #expect(test["examples"] as? Int == 30)
        #expect(result["steps"] as? Int == 45)
        #expect(result["workers"] as? Int == 2)
        #expect(
            try weightsSHA256(safetensors: world.path("run/model/model.safetensors")) == world.weightsHash("run"))
        #expect(try ModelFolder(path: world.path("run/model")).configuration.labels == TinyWorld.classes)
        #expect(process.output.contains("run/model"), "the summary says where the model is")

        let evaluation = try ShoalProcess.run(
            ["evaluate", "--model", world.path("run/model"), "--data", world.path("test.csv"), "--json"],
            in: world.folder)
        #expect(evaluation.code == 0)
        let metrics = try JSONSerialization.jsonObject(with: Data(evaluation.process.output.utf8)) as? [String: Any]
        #expect(abs((metrics?["accuracy"] as? Double ?? 0) - accuracy) < 1e-9)

        let texts = "tuna and eel\nplum, fig\ngold of zinc\n"
        let prediction = try ShoalProcess.run(
            ["predict", "--model", world.path("run/model")], in: world.folder, input: texts)
        #expect(prediction.code == 0, "\(prediction.process.errors)")
        let lines = try prediction.process.output.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        #expect(lines.compactMap { $0["label"] as? String } == TinyWorld.classes)
        for line in lines {
            let p = line["probabilities"] as? [String: Double] ?? [:]
            #expect(p.keys.sorted() == TinyWorld.classes)
            #expect(abs(p.values.reduce(0, +) - 1) < 1e-6)
        }
        let one = try ShoalProcess.run(
            ["predict", "--model", world.path("run/model"), "--text", "tuna and eel"], in: world.folder)
        #expect(one.process.output.contains("\"label\": \"fish\""))

        let tokens = try ShoalProcess.run(
            ["tokenize", "--model", world.path("model"), "--max-length", "4"], in: world.folder,
            input: "Tuna, PIKE eel\n")
        #expect(tokens.process.output.contains("[CLS]"))
        #expect(tokens.process.output.contains("tuna"))
        #expect(!tokens.process.output.contains("eel"), "cut to 4 tokens")
    }

    @Test func `processes that are started by hand give the same bits`() throws {
        let world = try TinyWorld()
        #expect(try ShoalProcess.run(world.train("auto", ["--epochs", "1"]), in: world.folder).code == 0)
        var arguments = world.train("hand", ["--epochs", "1", "--workers", "2"])
        arguments[0] = "coordinator"
        let port = freePort()
        arguments += ["--bind", "tcp://127.0.0.1:\(port)"]
        let coordinator = try ShoalProcess(arguments, in: world.folder)
        // Bytes of another program do no harm.
        for garbage in ["GET / HTTP/1.1\r\n\r\n", String(repeating: "\u{1}\u{ff}x", count: 5000)] {
            throwBytes(Array(garbage.utf8), port: port)
        }
        let workers = try (0..<2).map { _ in
            try ShoalProcess(["worker", "--coordinator", "tcp://127.0.0.1:\(port)"], in: world.folder)
        }
        #expect(coordinator.wait() == 0, "\(coordinator.errors)")
        for worker in workers { #expect(worker.wait(seconds: 20) == 0, "\(worker.errors)") }
        #expect(try world.weightsHash("hand") == world.weightsHash("auto"))

        let listener = try #require(Listener(port: port))
        defer { listener.close() }
        arguments[arguments.firstIndex(of: world.path("hand")) ?? 0] = world.path("busy")
        let busy = try ShoalProcess.run(arguments, in: world.folder)
        #expect(busy.code == 1)
        #expect(busy.process.failure?.contains("\(port)") == true, "\(busy.process.errors)")
        #expect(!world.exists("busy"))
    }

    @Test func `listening for other machines needs a word`() throws {
        let world = try TinyWorld()
        var arguments = world.train("open", ["--epochs", "1"])
        arguments[0] = "coordinator"
        let (code, process) = try ShoalProcess.run(
            arguments + ["--bind", "tcp://0.0.0.0:\(freePort())"], in: world.folder)
        #expect(code != 0)
        #expect(process.failure?.contains("--insecure") == true, "\(process.errors)")
    }
}

/// A port that no process listens on just now.
func freePort() -> Int {
    guard let listener = Listener(port: 0) else { return 45_671 }
    defer { listener.close() }
    return listener.port
}

/// Listens on a port of this machine, and does not answer.
struct Listener {
    let descriptor: Int32
    let port: Int

    init?(port wanted: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // The port may have just been used by the process under test.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = loopback(wanted)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard bound == 0, listen(descriptor, 1) == 0 else { return nil }
        var length = size
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { _ = Foundation.close(descriptor) }
}

private func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

/// Sends bytes to a port of this machine, once a process listens there.
func throwBytes(_ bytes: [UInt8], port: Int) {
    _ = eventually(seconds: 20) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return false }
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        usleep(50_000)
        return true
    }
}
