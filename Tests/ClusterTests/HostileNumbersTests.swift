import Collectives
import Foundation
import Testing

@testable import Cluster

/// Numbers from outside that no honest program sends, at the decoder and at the state machines behind it.
@Suite struct HostileNumbersTests {
    typealias Change = @Sendable (inout PBEnvelope) -> Void

    private static func report(_ change: @escaping @Sendable (inout PBStepReport) -> Void) -> Change {
        { envelope in
            envelope.stepReport = .with {
                $0.lossSums = [1]
                change(&$0)
            }
        }
    }

    private static func record(_ change: @escaping @Sendable (inout PBStepRecord) -> Void) -> Change {
        { envelope in
            envelope.bound = .with {
                $0.endpoint = "ipc:///x"
                $0.records = [.with { change(&$0) }]
            }
        }
    }

    private static func bound(_ endpoint: String) -> Change {
        { envelope in envelope.bound = .with { $0.endpoint = endpoint } }
    }

    /// By name: what a worker may not send.
    static let fromWorkers: [(String, Change)] = [
        ("a step of 2^64-1", { ($0.step, $0.ready) = (.max, PBReady()) }),
        ("a step of 2^53+1", { ($0.step, $0.ready) = (ControlLimits.maxStep + 1, PBReady()) }),
        ("a generation of 2^64-1", { ($0.generation, $0.ready) = (.max, PBReady()) }),
        ("bytes sent", report { $0.bytesSent = .max }),
        ("resident memory in a report", report { $0.residentBytes = .max }),
        ("resident memory in a heartbeat", { $0.heartbeat = .with { $0.residentBytes = .max } }),
        ("a loss that is nan", report { $0.lossSums = [1, .nan] }),
        ("a loss that is infinite", report { $0.lossSums = [.infinity] }),
        ("a loss whose sum overflows", report { $0.lossSums = [1e308, 1e308] }),
        ("a norm that is nan", report { $0.gradientNorm = .nan }),
        ("a norm that is infinite", report { $0.gradientNorm = .infinity }),
        ("a norm below 0", report { $0.gradientNorm = -1 }),
        ("endless seconds", report { $0.stepSeconds = .infinity }),
        ("a record's step", record { $0.step = .max }),
        ("a record's loss", record { $0.lossSums = [-.infinity] }),
        ("a record's norm", record { $0.gradientNorm = .nan }),
        ("a process id of 0", { $0.hello = .with { $0.threads = 1 } }),
        ("an endpoint without a port", bound("tcp://127.0.0.1")),
        ("an endpoint with port 0", bound("tcp://127.0.0.1:0")),
        ("an endpoint of all addresses", bound("tcp://*:5")),
        ("an endpoint beyond ports", bound("tcp://127.0.0.1:99999")),
        ("an endpoint of another kind", bound("inproc://x")),
        ("a socket without a path", bound("ipc://")),
        ("a socket with a long path", bound("ipc:///" + String(repeating: "x", count: 107))),
        ("an endpoint with an escape", bound("ipc:///\u{1b}[2J")),
    ]

    /// A welcome that would be right without the change.
    private static func welcome(_ change: @escaping @Sendable (inout PBWelcome) -> Void) -> Change {
        {
            var welcome = PBWelcome()
            (welcome.modelSpecification, welcome.hyperparameters, welcome.runID) = ("{}", "{}", "a")
            (welcome.weightCount, welcome.momentCount) = (4, 2)
            (welcome.heartbeatTimeout, welcome.orphanTimeout) = (1, 1)
            welcome.wire = WirePrecision.float32.rawValue
            change(&welcome)
            $0.welcome = welcome
        }
    }

    @Test func `a welcome with none of these numbers is taken`() throws {
        var envelope = PBEnvelope()
        Self.welcome { _ in }(&envelope)
        _ = try Samples.decodeCoordinator(WireFormat.frames(envelope, payload: nil))
    }

    /// By name: what a coordinator may not send.
    static let fromCoordinators: [(String, Change)] = [
        ("a step of 2^64-1", { ($0.step, $0.digestRequest) = (.max, PBDigestRequest()) }),
        ("a generation of 2^64-1", { ($0.generation, $0.abandon) = (.max, PBAbandon()) }),
        ("a part to copy twice", { $0.snapshotRequest = .with { $0.parts = [.weights, .weights] } }),
        ("a part that is unknown", { $0.snapshotRequest = .with { $0.parts = [.UNRECOGNIZED(9)] } }),
        ("a peer nowhere", { $0.peers = .with { $0.endpoints = ["tcp://x"] } }),
        ("an endless heartbeat", welcome { $0.heartbeatTimeout = .infinity }),
        ("an orphan time of nan", welcome { $0.orphanTimeout = .nan }),
        ("a phase that begins beyond all steps", welcome { $0.firstStep = .max }),
        ("moments of more than there is", welcome { $0.momentCount = 5 }),
        ("no moments", welcome { $0.momentCount = 0 }),
        ("weights beyond all memory", welcome { $0.weightCount = .max }),
        ("a wire that is unknown", welcome { $0.wire = "float7" }),
    ]

    @Test(arguments: fromWorkers.indices) func `a number that no worker sends is refused`(_ index: Int) {
        let (name, change) = Self.fromWorkers[index]
        var envelope = PBEnvelope()
        change(&envelope)
        let frames = WireFormat.frames(envelope, payload: nil)
        #expect(throws: ProtocolError.self, "\(name)") { try Samples.decodeWorker(frames) }
    }

    @Test(arguments: fromCoordinators.indices) func `a number that no coordinator sends is refused`(_ index: Int) {
        let (name, change) = Self.fromCoordinators[index]
        var envelope = PBEnvelope()
        change(&envelope)
        let frames = WireFormat.frames(envelope, payload: nil)
        #expect(throws: ProtocolError.self, "\(name)") { try Samples.decodeCoordinator(frames) }
    }

    @Test func `names that lines repeat are cut`() throws {
        var envelope = PBEnvelope()
        envelope.hello = .with { ($0.threads, $0.pid, $0.host) = (1, 9, String(repeating: "\"", count: 1000)) }
        let message = try Samples.decodeWorker(WireFormat.frames(envelope, payload: nil))
        guard case .hello(let worker, _, _) = message.body else {
            Issue.record("\(message.body)")
            return
        }
        #expect(worker.host.count <= 80 && worker.host.hasPrefix("\"\"\""))
    }

    @Test func `the greatest numbers that are read do no harm`() throws {
        let simulation = try Simulation(workers: 2, local: false)
        var envelope = PBEnvelope()
        envelope.step = ControlLimits.maxStep
        envelope.generation = ControlLimits.maxGeneration
        envelope.hello = .with { ($0.threads, $0.pid, $0.hasState_p) = (1, 9, true) }
        let hello = try Samples.decodeWorker(WireFormat.frames(envelope, payload: nil))
        simulation.coordinate(.message(PeerID(bytes: [1, 200]), hello))
        // It joins with a state that was not asked for, falls silent, and is lost.
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        #expect(simulation.coordinator.membership.generation < ControlLimits.maxGeneration)
        #expect(simulation.refusals.isEmpty)
    }

    @Test func `a member that sends what cannot be read is sent away and the run goes on`() throws {
        let simulation = try Simulation(workers: 2, totalSteps: 9)
        var isDone = false
        simulation.beforeDelivery = { simulation in
            guard !isDone, simulation.steps.count == 2 else { return }
            isDone = true
            simulation.coordinate(.rejected(simulation.peer(1), ProtocolError("a loss of nan")))
        }
        #expect(simulation.run(seconds: 60))
        #expect(simulation.error == nil)
        let lost = simulation.events.compactMap { if case .workerLost(let text, _) = $0 { text } else { nil } }
        #expect(lost.contains { $0.contains("worker 1 (pid 101 on h) was sent away: it sent a loss of nan") })
    }

    @Test(arguments: [1, 2]) func `only a worker that is alone needs no endpoint`(_ workers: Int) throws {
        var envelope = PBEnvelope()
        envelope.bound = .with { $0.hasState_p = false }
        _ = try Samples.decodeWorker(WireFormat.frames(envelope, payload: nil))
        let simulation = try Simulation(workers: workers, local: false)
        simulation.disturb = { number, _, result in
            guard number == 0, case .bound(let generation, _) = result else { return result }
            return .bound(generation: generation, endpoint: "")
        }
        _ = simulation.run(seconds: 20)
        #expect(simulation.refusals.count == workers - 1, "\(simulation.refusals)")
        #expect((simulation.outcome == nil) == (workers == 2))
    }

    @Test func `no measured time makes a speed infinite`() throws {
        var balancer = Balancer(isEnabled: true, speeds: [nil, nil])
        for _ in 0..<4 { balancer.measured(leaves: [2, 2], seconds: [5e-324, 1]) }
        #expect(balancer.speeds.allSatisfy { $0?.isFinite == true })
        #expect(balancer.partition(leaves: 4).map(\.count).reduce(0, +) == 4)
    }

    @Test func `text that is too long for the other side is cut before it is sent`() throws {
        let text = String(repeating: "é", count: 2000)
        let failure = WorkerMessage(
            generation: 1, step: 1, body: .failure(WorkerFailure(kind: .fatal, phase: text, message: text)))
        _ = try Samples.decodeWorker(failure.frames())
        let shutdown = CoordinatorMessage(generation: 1, step: 1, body: .shutdown(text))
        _ = try Samples.decodeCoordinator(shutdown.frames())
    }
}
