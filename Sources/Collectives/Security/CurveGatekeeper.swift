/// Decides which connections the CURVE servers of a context accept: a handler of ZAP (ZeroMQ RFC 27), on a thread of
/// its own.
///
/// To be made before the servers are bound, and ended before the context is terminated.
public final class CurveGatekeeper: Sendable {
    private let service: PolledService

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - context: The context of the servers; it may have one gatekeeper.
    ///   - allows: Asked on that thread for every connection whose owner has proved to have the secret half.
    ///   - admitted: Called with the address of each that is accepted.
    ///   - denied: Called with keys that are not allowed and where they came from.
    public init(
        _ context: ZeroMQContext, allows: @escaping @Sendable (CurvePublicKey) -> Bool,
        admitted: @escaping @Sendable (_ address: String) -> Void = { _ in },
        denied: @escaping @Sendable (CurvePublicKey?, _ address: String) -> Void
    ) throws(ZeroMQError) {
        let socket = try ZeroMQSocket(context, type: .reply)
        try socket.bind("inproc://zeromq.zap.01")
        service = try PolledService(
            "shoal-gatekeeper", socket, Handler(allows: allows, admitted: admitted, denied: denied))
    }

    /// Ends the thread and waits for that; no connection is accepted any more. Calling it again does nothing.
    public func close() { service.close() }

    private struct Handler: PolledHandler {
        let allows: @Sendable (CurvePublicKey) -> Bool
        let admitted: @Sendable (String) -> Void
        let denied: @Sendable (CurvePublicKey?, String) -> Void

        func turn(_ socket: ZeroMQSocket, isReadable: Bool) -> Int? {
            if isReadable,
                let frames = try? socket.receive(limits: ZeroMQLimits(frames: 8, bytes: 4096), wait: false)
            {
                // Without an answer the connection is not accepted, so there is nothing else to do about an error.
                _ = try? socket.send(
                    CurveGatekeeper.answer(frames.map(\.array), allows, admitted, denied), wait: false)
            }
            return nil
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
