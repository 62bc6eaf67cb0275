import CZeroMQ
import Foundation
import Support
import Synchronization

/// Decides whose connections the CURVE servers of a context take: a handler of ZAP (ZeroMQ RFC 27), on a thread of its
/// own.
///
/// To be made before the servers are bound, and ended before the context is terminated.
public final class CurveGatekeeper: Sendable {
    private let wakeUp: WakeUp
    private let ends = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - context: The context of the servers; it may have one gatekeeper.
    ///   - allows: Asked on that thread for every connection whose owner has proved to have the secret half.
    ///   - admitted: Told of the address of each that is let in.
    ///   - denied: Told of keys that are not allowed and where they came from.
    public init(
        _ context: ZeroMQContext, allows: @escaping @Sendable (CurvePublicKey) -> Bool,
        admitted: @escaping @Sendable (_ address: String) -> Void = { _ in },
        denied: @escaping @Sendable (CurvePublicKey?, _ address: String) -> Void
    ) throws(ZeroMQError) {
        let wakeUp = try WakeUp()
        self.wakeUp = wakeUp
        let socket = try ZeroMQSocket(context, type: .reply)
        try socket.bind("inproc://zeromq.zap.01")
        let door = Door(socket: socket)
        do throws(ResourceLimitError) {
            try NamedThread.start("shoal-gatekeeper") { [self] in
                serve(door.socket, wakeUp, allows, admitted, denied)
                door.socket.close()
                ended.signal()
            }
        } catch {
            throw ZeroMQError(error)
        }
    }

    /// A socket on its way to the thread that will use it, alone: hence `@unchecked Sendable`.
    private final class Door: @unchecked Sendable {
        let socket: ZeroMQSocket
        init(socket: ZeroMQSocket) { self.socket = socket }
    }

    /// Ends the thread and waits for that; nobody is let in any more. Calling it again does nothing.
    public func close() {
        guard !ends.exchange(true, ordering: .acquiringAndReleasing) else { return }
        wakeUp.notify()
        ended.wait()
    }

    private func serve(
        _ socket: ZeroMQSocket, _ wakeUp: WakeUp, _ allows: (CurvePublicKey) -> Bool,
        _ admitted: (String) -> Void, _ denied: (CurvePublicKey?, String) -> Void
    ) {
        var poller = ZeroMQPoller()
        let entry = poller.add(socket)
        poller.add(fileDescriptor: wakeUp.fileDescriptor)
        while !ends.load(ordering: .acquiring) {
            // Without an answer nobody is let in, so there is nothing else to do about an error.
            guard (try? poller.wait(milliseconds: nil)) != nil else { return }
            wakeUp.clear()
            guard poller.isReadable(entry),
                let frames = try? socket.receive(limits: ZeroMQLimits(frames: 8, bytes: 4096), wait: false)
            else { continue }
            _ = try? socket.send(Self.answer(frames.map(\.array), allows, admitted, denied), wait: false)
        }
    }

    /// Frames of a request: version, id, domain, address, routing id, mechanism, credentials.
    static func answer(
        _ request: [[UInt8]], _ allows: (CurvePublicKey) -> Bool, _ admitted: (String) -> Void,
        _ denied: (CurvePublicKey?, String) -> Void
    ) -> [[UInt8]] {
        let isCurve = request.count == 7 && request[5] == Array("CURVE".utf8)
        let key = isCurve ? CurvePublicKey(bytes: request[6]) : nil
        let isAllowed = key.map(allows) ?? false
        let address = request.count > 3 ? String(decoding: request[3].prefix(255), as: UTF8.self) : ""
        if isAllowed { admitted(address) } else { denied(key, address) }
        return [
            Array("1.0".utf8), request.count > 1 ? request[1] : [], Array((isAllowed ? "200" : "400").utf8), [],
            key.map { Array($0.description.utf8) } ?? [], [],
        ]
    }
}
