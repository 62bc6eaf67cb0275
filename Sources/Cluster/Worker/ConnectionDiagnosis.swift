import Collectives
import Support

/// What is wrong with what listens at the coordinator's endpoint, found from failed handshakes and from what is sent.
/// Each kind is reported once.
struct ConnectionDiagnosis: Sendable {
    private let endpoint: String
    private var handshakes: HandshakeProblem
    private var hasReportedMessage = false
    private var hasReportedHandshake = false

    init(_ options: WorkerOptions) {
        endpoint = options.coordinator
        handshakes = HandshakeProblem(endpoint: options.coordinator, keys: options.keys)
    }

    /// What may be wrong, if anything is known.
    var hint: String? { handshakes.hint }

    /// What ends a worker that was not welcome yet; nil as long as there is hope.
    mutating func fatal(_ event: ZeroMQMonitorEvent) -> String? { handshakes.diagnose(event) }

    /// What a worker that was welcome reports, and goes on: what listens there now need not be the coordinator, for
    /// which it waits.
    mutating func warning(_ event: ZeroMQMonitorEvent) -> String? {
        guard let problem = handshakes.diagnose(event), !hasReportedHandshake else { return nil }
        hasReportedHandshake = true
        return problem
    }

    /// What to report of something that is no message.
    mutating func warning(_ error: ProtocolError) -> String? {
        guard !hasReportedMessage else { return nil }
        hasReportedMessage = true
        return "the coordinator sent \(error); is something else listening there?"
    }
}
