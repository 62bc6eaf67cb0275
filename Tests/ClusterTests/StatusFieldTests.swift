import Foundation
import Testing

@testable import Cluster

struct StatusFieldTests {
    private static func worker(_ number: Int, _ host: String, _ state: String) -> RunStatus.Worker {
        RunStatus.Worker(
            number: number, host: host, pid: 1, threads: 1, state: state, speed: nil, share: nil, silentSeconds: 0,
            residentBytes: 1)
    }

    private static func status(endpoint: String = "tcp://[::1]:5555") -> RunStatus {
        RunStatus(
            phase: "training", step: 3, totalSteps: 9, loss: 0.5, tokensPerSecond: nil, generation: 2, checkpoint: nil,
            elapsedSeconds: 1.5, endpoint: endpoint,
            workers: [worker(1, "a", "working"), worker(2, "gone", "ended"), worker(3, "b", "joining")], changes: [],
            process: .current)
    }

    @Test func `each field is one value, and what is not known is empty`() {
        let status = Self.status()
        let values = StatusField.allCases.map { ($0.rawValue, $0.text(of: status, isAlive: true)) }
        let known: [String: String] = [
            "phase": "training", "step": "3", "total_steps": "9", "loss": "0.5", "tokens_per_second": "",
            "generation": "2", "checkpoint": "", "elapsed_seconds": "1.5", "endpoint": "tcp://[::1]:5555",
            "port": "5555", "workers": "2", "worker_hosts": "a\nb", "alive": "true", "epoch": "", "training_phase": "",
        ]
        for (name, value) in known { #expect(values.first { $0.0 == name }?.1 == value, "\(name)") }
        #expect(StatusField.alive.text(of: status, isAlive: nil) == "")
        #expect(StatusField.port.text(of: Self.status(endpoint: "ipc:///a:5"), isAlive: nil) == "")
    }

    @Test func `the names are those of the JSON`() throws {
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(Self.status().json().utf8)) as? [String: Any])
        let own: Set<StatusField> = [.alive, .port, .workerHosts]
        let missing: Set<StatusField> = [
            .epoch, .totalEpochs, .trainingPhase, .trainingPhases, .parameters, .trainedParameters, .learningRate,
            .secondsLeft, .tokensPerSecond,
            .checkpoint,
        ]
        for field in StatusField.allCases where !own.contains(field) && !missing.contains(field) {
            #expect(json[field.rawValue] != nil, "\(field.rawValue)")
        }
    }

    @Test func `a port file has the port alone, and needs one`() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("port-\(UUID().uuidString)").path
        defer { unlink(path) }
        for port in [5555, 6] {
            try PortFile.write("tcp://0.0.0.0:\(port)", to: path)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(port)\n")
        }
        #expect(throws: ConfigurationError.self) { try PortFile.write("ipc:///run/x", to: path) }
    }

    @Test func `options are printed by their names in the file`() {
        var options = RunOptions()
        (options.output, options.minWorkers, options.balance) = ("runs/a b", 3, false)
        #expect(options.text(of: "output") == "runs/a b")
        #expect(options.text(of: "min_workers") == "3")
        #expect(options.text(of: "balance") == "false")
        #expect(options.text(of: "model") == nil)
        #expect(options.text(of: "nothing") == nil)
        #expect(RunOptions.names.contains("min_workers"))
    }
}
