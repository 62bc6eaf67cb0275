import Collectives
import Support

/// Why a coordinator does not answer, as far as the failed handshakes with it show.
struct HandshakeProblem: Sendable {
    /// After so many that were cut off in a row there is no hope.
    private static let most = 20

    private let endpoint: String
    private let keys: WorkerKeys?
    private var cut = 0

    init(endpoint: String, keys: WorkerKeys?) {
        self.endpoint = endpoint
        self.keys = keys
    }

    /// What is wrong, once that is certain.
    mutating func diagnose(_ event: ZeroMQMonitorEvent) -> String? {
        switch event {
        case .handshakeSucceeded: cut = 0
        case .mechanismMismatch:
            return keys == nil
                ? "the coordinator at \(endpoint) wants keys: give --keys (see \(CommandName.current) keygen)"
                : "what listens at \(endpoint) has no keys, so it cannot be trusted: start the coordinator with --keys, "
                    + "or, on a network that you trust, both without"
        case .denied:
            return
                "the coordinator at \(endpoint) does not let this key in (\(keys?.publicKey.description ?? "none")): "
                + "it is not in its workers.allow, or was revoked"
        case .handshakeCut, .handshakeBroken:
            cut += 1
            return cut < Self.most ? nil : hint
        case .accepted, .acceptFailed, .disconnected, .other: break
        }
        return nil
    }

    /// What may be wrong, if anything is known.
    var hint: String? {
        guard cut > 0 else { return nil }
        return "what listens at \(endpoint) breaks off: "
            + (keys == nil
                ? "it wants keys (--keys, see \(CommandName.current) keygen), or it is no coordinator"
                : "it is no coordinator, or coordinator.pub is not its key; copy it, or the worker's folder, again")
    }
}
