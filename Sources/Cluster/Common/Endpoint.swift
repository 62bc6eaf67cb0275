import Collectives
import Foundation
import Support

/// An address that sockets bind or connect to, as far as it must be understood here.
enum Endpoint {
    /// Whether only this machine reaches it.
    static func isLocal(_ endpoint: String) -> Bool {
        if endpoint.hasPrefix("ipc://") { return true }
        guard let host = host(endpoint) else { return false }
        return host == "localhost" || host == "[::1]" || isLoopback(host)
    }

    /// The host of a `tcp://` endpoint; nil for others.
    static func host(_ endpoint: String) -> String? { TCPEndpoint(endpoint)?.host }

    /// Whether all addresses of a machine are meant.
    static func isWildcard(_ host: String) -> Bool { ["*", "0.0.0.0", "[::]"].contains(host) }

    /// The endpoint, with `host` in place of its own.
    static func replacingHost(of endpoint: String, with host: String) -> String {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else { return endpoint }
        return "tcp://\(host)\(endpoint[colon...])"
    }

    /// The address that other processes are given for this listener: where it is all addresses, the host's name.
    static func shown(_ endpoint: String) -> String {
        guard let host = host(endpoint), isWildcard(host) else { return endpoint }
        return replacingHost(of: endpoint, with: ProcessInfo.processInfo.hostName)
    }

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Throws unless `endpoint` is one that may be listened on.
    static func check(_ endpoint: String, option: String, hasKeys: Bool, insecure: Bool) throws(ConfigurationError) {
        guard endpoint.hasPrefix("ipc://") && endpoint.count > 6 || host(endpoint) != nil else {
            throw .invalid(
                option, value: endpoint,
                need: "tcp://HOST:PORT (an IPv6 address in brackets, a port, a range of ports, or *) or ipc://PATH")
        }
        try checkReach(endpoint, option: option, value: endpoint, hasKeys: hasKeys, insecure: insecure)
    }

    /// Throws if others reach `endpoint` and nothing protects it; `value` is what was given for `option`.
    static func checkReach(
        _ endpoint: String, option: String, value: String, hasKeys: Bool, insecure: Bool
    ) throws(ConfigurationError) {
        guard isLocal(endpoint) || hasKeys || insecure else {
            throw .invalid(
                option, value: value,
                need: "on this machine (tcp://127.0.0.1:PORT), or have --keys (see "
                    + "\(CommandName.current) keygen): other machines could "
                    + "send it anything; --insecure allows it on a network that you trust")
        }
    }

    /// Whether it is well-formed as one that a worker can connect to.
    static func isConnectable(_ endpoint: String) -> Bool {
        if endpoint.hasPrefix("ipc://") { return (7...(6 + ControlLimits.socketPath)).contains(endpoint.utf8.count) }
        guard let tcp = TCPEndpoint(endpoint) else { return false }
        return tcp.ports.count == 1 && tcp.ports.lowerBound > 0 && !isWildcard(tcp.host)
    }

    /// Throws if the host of `endpoint` has no address here.
    static func checkHostIsKnown(_ endpoint: String, option: String) throws(ConfigurationError) {
        guard let host = host(endpoint), SocketAddress.resolve(host).isEmpty else { return }
        throw .invalid(
            option, value: endpoint.printable(),
            need: "at a host that is known here: \(host.printable()) has no address (see `getent hosts`)")
    }

    /// Throws unless a worker can connect to `endpoint`.
    static func checkCoordinator(_ endpoint: String) throws(ConfigurationError) {
        if endpoint.hasPrefix("ipc://"), endpoint.count > 6 { return }
        guard let tcp = TCPEndpoint(endpoint), tcp.ports.count == 1, tcp.ports.lowerBound > 0, tcp.host != "*" else {
            throw .invalid(
                "coordinator", value: endpoint,
                need: "tcp://HOST:PORT (an IPv6 address in brackets) or ipc://PATH, where the coordinator listens")
        }
    }
}
