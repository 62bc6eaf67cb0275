import Collectives
import Foundation
import Logging
import Support

/// The control thread of a worker: it moves messages, and never computes.
final class WorkerLoop {
    /// Between looks at the clock and the parent process.
    private static let tickSeconds = 0.2
    /// Frames and bytes of a message: preamble, envelope, raw frame.
    private static let limits = ZeroMQLimits(
        frames: 3, bytes: 64 + ControlLimits.orderBytes + ControlLimits.payloadBytes)

    private let options: WorkerOptions
    private let logger: Logger
    private let context: ZeroMQContext
    private let socket: ZeroMQSocket
    private let handshakes: ZeroMQSocket
    /// Over the addresses of the coordinator's host.
    private var rotation: AddressRotation
    private let inbox: Inbox<ComputeResult>
    private let compute: WorkerCompute
    private var machine: WorkerMachine
    private var outcome: Result<RunEnd, RunError>?

    init(options: WorkerOptions, dataAddress: DataAddress, logger: Logger) throws {
        self.options = options
        self.logger = logger
        context = try ZeroMQContext()
        var socketOptions = ZeroMQSocketOptions()
        // A failure that is reported just before the end must still go out.
        socketOptions.linger = 1000
        socketOptions.sendHighWaterMark = 0
        socketOptions.maxMessageBytes = Int64(ControlLimits.orderBytes + ControlLimits.encryptionBytes)
        socketOptions.curve = options.keys?.role
        // Handshakes with keys cost more than a connection: a wrong key shall not become a flood.
        socketOptions.reconnectInterval = options.keys == nil ? 20 : 100
        // Known to no other process, so that none can take this worker's place, and kept over reconnects.
        socketOptions.routingID = [1] + (0..<15).map { _ in UInt8.random(in: 0...255) }
        socket = try ZeroMQSocket(context, type: .dealer, options: socketOptions)
        handshakes = try socket.handshakes(name: "control")
        rotation = try AddressRotation(connecting: socket, to: options.coordinator, now: monotonicSeconds())
        let inbox = try Inbox<ComputeResult>()
        self.inbox = inbox
        // Made for this process alone, and sent over a connection that is known to be the coordinator's.
        let dataKeys = try options.keys.map { _ in try CurveKeyPair() }
        compute = try WorkerCompute(options: options, dataAddress: dataAddress, dataKeys: dataKeys, logger: logger) {
            inbox.post($0)
        }
        var description = HostDescription.worker(threads: options.threads)
        description.dataKey = dataKeys?.publicKey
        machine = WorkerMachine(
            description, options: options, residentBytes: HostDescription.residentBytes(), now: monotonicSeconds())
    }

    /// Runs to the end of the run: how that was.
    func run() throws -> RunEnd {
        defer {
            // A profile takes seconds to write.
            compute.stop(seconds: options.profileFolder == nil ? 2 : 60)
            socket.close()
            handshakes.close()
            context.terminate()
        }
        var poller = ZeroMQPoller()
        let incoming = poller.add(socket)
        let monitor = poller.add(handshakes)
        poller.add(fileDescriptor: inbox.eventFD.fileDescriptor)
        try perform(machine.start())
        var nextTick = monotonicSeconds() + Self.tickSeconds
        while true {
            if let outcome { return try outcome.get() }
            let wait = Int(max(0, (nextTick - monotonicSeconds()) * 1000).rounded(.up))
            try poller.wait(milliseconds: wait)
            for result in inbox.take() { try handle(.result(result)) }
            if poller.isReadable(incoming) { try receive() }
            if poller.isReadable(monitor) { try receiveHandshakes() }
            if monotonicSeconds() >= nextTick {
                nextTick = monotonicSeconds() + Self.tickSeconds
                if let parent = options.parentPID, getppid() != parent { try handle(.parentGone) }
                if try rotation.turn(socket, now: monotonicSeconds()) {
                    // What was sent before is lost.
                    try handle(.connectedElsewhere)
                }
                try handle(.tick(residentBytes: HostDescription.residentBytes()))
            }
        }
    }

    private func handle(_ event: WorkerMachine.Event) throws {
        try perform(machine.handle(event, now: monotonicSeconds()))
    }

    private func receive() throws {
        // A bounded number at a time: results and the clock must not starve.
        for _ in 0..<64 where outcome == nil {
            do {
                guard let frames = try socket.receive(limits: Self.limits, wait: false) else { return }
                let message = try withExtendedLifetime(frames) {
                    try CoordinatorMessage(frames: frames.map(\.bytes), owner: frames.last)
                }
                try handle(.message(message))
            } catch let error as ProtocolError {
                try handle(.rejected(error))
            } catch let error as ZeroMQMessageRefused {
                try handle(.rejected(ProtocolError("a message of \(error.bytes) bytes in \(error.frames) frames")))
            }
        }
    }

    private func receiveHandshakes() throws {
        let limits = ZeroMQLimits(frames: 2, bytes: 4096)
        while outcome == nil, let frames = try handshakes.receive(limits: limits, wait: false) {
            let event = frames[0].withBytes(ZeroMQMonitorEvent.init(frame:))
            rotation.handle(event, now: monotonicSeconds())
            try handle(.handshake(event))
        }
    }

    /// Sends a chunk: the library has a copy of its own, since the state may change while it is on its way.
    private func send(_ snapshot: StateSnapshot, _ part: StatePart, _ index: Int, _ generation: UInt64) throws {
        let head = WorkerMessage(
            generation: generation, step: snapshot.step, body: .chunk(part, index: index, payload: Data())
        ).frames()
        try snapshot.send(part, index) { bytes in
            // The empty payload's frame is replaced by the chunk itself.
            for frame in head.prefix(2) {
                _ = try frame.withUnsafeBytes { try socket.send($0, more: true, wait: false) }
            }
            _ = try socket.send(bytes, wait: false)
        }
    }

    private func perform(_ effects: [WorkerMachine.Effect]) throws {
        for effect in effects {
            switch effect {
            case .send(let message): try socket.send(message.frames(), wait: false)
            case .compute(let job): compute.submit(job)
            case .sendChunk(let snapshot, let part, let index, let generation):
                try send(snapshot, part, index, generation)
            case .abandon(let reason): compute.abandon(reason)
            case .log(let line): logger.info("\(line)")
            case .removeSockets: SocketFolder.removeAbandoned(endpoint: options.coordinator)
            case .end(let result): outcome = result
            }
        }
    }
}
