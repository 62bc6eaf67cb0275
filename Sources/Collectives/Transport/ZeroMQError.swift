import CZeroMQ
import Foundation
import Support

/// What a call to ZeroMQ failed with: what was tried, on which endpoint, and the error text of the library.
public struct ZeroMQError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, as an infinitive ("bind to", "send to").
    public let operation: String
    /// The endpoint it was tried on; empty if there is none.
    public let endpoint: String
    /// The `errno` of the call.
    public let code: Int32

    /// An error of `operation` on `endpoint` with the `errno` value `code`.
    public init(operation: String, endpoint: String, code: Int32) {
        self.operation = operation
        self.endpoint = endpoint
        self.code = code
    }

    /// The error of the call that has just failed in this thread.
    static func last(_ operation: String, _ endpoint: String = "") -> ZeroMQError {
        ZeroMQError(operation: operation, endpoint: endpoint, code: zmq_errno())
    }

    /// A limit that was reached before the library could meet it.
    init(_ error: ResourceLimitError) {
        self.init(operation: error.operation, endpoint: "", code: error.code)
    }

    /// A peer that is not connected, on a ROUTER with `routerMandatory`.
    public var isUnreachable: Bool { code == EHOSTUNREACH }

    /// One line with the endpoint, the cause and, where there is one, the remedy.
    public var description: String {
        switch code {
        case EADDRINUSE where (TCPEndpoint(endpoint)?.ports.count ?? 1) > 1:
            return "every port of \(endpoint) is in use, choose another range"
        case EADDRINUSE: return "address already in use: \(endpoint), choose another port"
        case EADDRNOTAVAIL: return "no such address on this machine: \(endpoint), bind to one that it has"
        case ENODEV:
            return "no such host, address or network interface: \(endpoint); interfaces here: "
                + NetworkInterfaces.names.joined(separator: ", ")
        case EINVAL where !endpoint.isEmpty:
            return "not a valid endpoint: '\(endpoint)', expected tcp://HOST:PORT or ipc://PATH"
        case EPROTONOSUPPORT, CZeroMQ.ENOCOMPATPROTO:
            return "unknown transport: '\(endpoint)', expected tcp://HOST:PORT or ipc://PATH"
        case ENAMETOOLONG: return "path too long for a socket: \(endpoint), use a shorter one (at most 107 bytes)"
        case EACCES: return "no permission to \(operation) \(endpoint)"
        case ENOSPC, EDQUOT:
            return "cannot \(operation) \(endpoint): the disk is full; free some room, or set TMPDIR to another folder"
        case ENOENT: return "cannot \(operation) \(endpoint): the folder does not exist"
        default:
            let text = zmq_strerror(code).map { String(cString: $0) } ?? "error \(code)"
            let hint = ProcessLimits.hint(for: code)
            return "cannot \(operation)\(endpoint.isEmpty ? "" : " \(endpoint)"): \(text)"
                + (hint.isEmpty ? "" : "; for process \(getpid()), \(hint)")
        }
    }
}
