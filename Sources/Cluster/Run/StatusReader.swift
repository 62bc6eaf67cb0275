import Collectives
import Foundation
import Support

/// Finds out how a run goes.
public enum StatusReader {
    /// What is known, and whether the coordinator is running: nil where that is unknown.
    public typealias Answer = (status: RunStatus, isAlive: Bool?)

    /// What the coordinator of a run directory has last said.
    ///
    /// - Throws: ``RunError`` that names the file.
    public static func read(runDirectory: String) throws -> Answer {
        let path = RunDirectory.normal(runDirectory) + "/status.json"
        let read: RunStatus?
        do { read = try CheckedFile.read(RunStatus.self, path, limit: RunStatus.maxBytes) } catch {
            throw RunError.failed("\(error); if the run is alive, ask again in a second")
        }
        guard let status = read else {
            let state = RunState(of: runDirectory)
            let shown = runDirectory.printable(limit: 1000)
            throw RunError.failed(
                state.refusalAsRun(runDirectory)
                    ?? (state == .interrupted(step: 0, total: 0)
                        ? "\(shown) has no status.json: the run ended before its first step"
                        : "\(state.described(shown)), and has no status yet; ask again in a second"))
        }
        guard status.host == ProcessInfo.processInfo.hostName else { return (status, nil) }
        return (status, status.phase != "ended" && LocalProcess.isRunning(status.pid, since: status.time))
    }

    /// What the coordinator at `endpoint` says.
    ///
    /// - Parameter keys: where the coordinator has keys: those of one of its workers, or its own.
    /// - Throws: ``RunError`` if it does not answer within `timeout` seconds, or is none.
    public static func ask(_ endpoint: String, timeout: Double, keys: WorkerKeys? = nil) throws -> Answer {
        let context = try ZeroMQContext()
        defer { context.terminate() }
        var options = ZeroMQSocketOptions()
        options.linger = 0
        options.curve = keys?.role
        options.maxMessageBytes = Int64(ControlLimits.orderBytes + ControlLimits.encryptionBytes)
        let socket = try ZeroMQSocket(context, type: .dealer, options: options)
        let handshakes = try socket.handshakes(name: "control")
        defer {
            socket.close()
            handshakes.close()
        }
        try Endpoint.checkCoordinator(endpoint)
        try Endpoint.checkHostIsKnown(endpoint, option: "endpoint")
        var rotation = try AddressRotation(connecting: socket, to: endpoint, now: monotonicSeconds())
        func request() throws {
            _ = try socket.send(WorkerMessage(generation: 0, step: 0, body: .statusRequest).frames(), wait: false)
        }
        try request()
        var poller = ZeroMQPoller()
        let entry = poller.add(socket)
        poller.add(handshakes)
        var problem = HandshakeProblem(endpoint: endpoint, keys: keys)
        let deadline = monotonicSeconds() + timeout
        let limits = ZeroMQLimits(frames: 3, bytes: ControlLimits.orderBytes)
        while monotonicSeconds() < deadline {
            try poller.wait(milliseconds: Int(max(1, min(0.25, deadline - monotonicSeconds()) * 1000)))
            if try rotation.turn(socket, now: monotonicSeconds()) { try request() }
            while let frames = try handshakes.receive(limits: ZeroMQLimits(frames: 2, bytes: 4096), wait: false) {
                let event = frames[0].withBytes(ZeroMQMonitorEvent.init(frame:))
                rotation.handle(event, now: monotonicSeconds())
                if let text = problem.diagnose(event) {
                    throw RunError.failed(text)
                }
            }
            guard poller.isReadable(entry), let frames = try socket.receive(limits: limits, wait: false) else {
                continue
            }
            do {
                let message = try withExtendedLifetime(frames) { try CoordinatorMessage(frames: frames.map(\.bytes)) }
                guard case .status(let json) = message.body else { continue }
                let status: RunStatus
                do { status = try RunStatus(json: json) } catch {
                    throw ProtocolError("a status that cannot be read: \(error)")
                }
                return (status, true)
            } catch let error as ProtocolError {
                throw RunError.failed("\(endpoint) answered with \(error); is it a coordinator of this version?")
            }
        }
        throw RunError.failed(
            "no answer from a coordinator at \(endpoint) within \(timeout) s; "
                + (problem.hint ?? "is it running and reachable?"))
    }
}
