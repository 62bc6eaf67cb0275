import Foundation

/// An address that sockets bind or connect to, as far as it must be understood here.
enum Endpoint {
    /// Whether only this machine reaches it.
    static func isLocal(_ endpoint: String) -> Bool {
        if endpoint.hasPrefix("ipc://") { return true }
        guard let host = host(endpoint) else { return false }
        return host == "localhost" || host == "[::1]" || isLoopback(host)
    }

    /// The host of a `tcp://` endpoint; nil for others.
    static func host(_ endpoint: String) -> String? {
        guard endpoint.hasPrefix("tcp://") else { return nil }
        let rest = endpoint.dropFirst(6)
        guard let colon = rest.lastIndex(of: ":") else { return nil }
        return String(rest[..<colon])
    }

    /// Whether the host is an IPv6 address in brackets.
    static func isIPv6(_ endpoint: String) -> Bool { host(endpoint)?.hasPrefix("[") ?? false }

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Throws unless `endpoint` is one that may be listened on.
    static func check(_ endpoint: String, option: String, hasKeys: Bool, insecure: Bool) throws(ConfigurationError) {
        guard endpoint.hasPrefix("ipc://") && endpoint.count > 6 || host(endpoint) != nil else {
            throw .invalid(option, value: endpoint, need: "tcp://HOST:PORT or ipc://PATH")
        }
        guard isLocal(endpoint) || hasKeys || insecure else {
            throw .invalid(
                option, value: endpoint,
                need: "on this machine (tcp://127.0.0.1:PORT), or have --keys (see shoal keygen): other machines could "
                    + "send it anything; --insecure allows it on a network that you trust")
        }
    }

    /// Where a worker listens for its peers.
    ///
    /// - Throws: if the address was not given and does not follow from the coordinator's.
    static func data(_ options: WorkerOptions) throws(ConfigurationError) -> String {
        if let address = options.dataAddress {
            try check(address, option: "data-address", hasKeys: options.keys != nil, insecure: options.insecure)
            return address
        }
        if options.coordinator.hasPrefix("ipc://") { return options.coordinator + "-\(getpid())" }
        guard !isLocal(options.coordinator) else { return "tcp://127.0.0.1:*" }
        guard let address = OutgoingAddress.toward(options.coordinator) else {
            throw .missingOption(
                "data-address",
                what: "the address of this machine that the other workers reach, tcp://HOST:*; there is no route to "
                    + "\(options.coordinator) to tell it by")
        }
        let endpoint = "tcp://\(address):*"
        try check(endpoint, option: "data-address", hasKeys: options.keys != nil, insecure: options.insecure)
        return endpoint
    }
}
