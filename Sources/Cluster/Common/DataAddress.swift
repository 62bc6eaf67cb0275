import Collectives
import Foundation
import Support

/// Where a worker listens for its peers, and the endpoint that they are sent.
struct DataAddress: Sendable, Equatable {
    /// What its socket binds to; for `ipc://`, the beginning of it.
    var bind: String
    /// The host that peers connect to, where that is not the one that is bound.
    var advertisedHost: String?

    /// The endpoint to send to peers, of one that was bound.
    func advertised(_ bound: String) -> String {
        advertisedHost.map { Endpoint.replacingHost(of: bound, with: $0) } ?? bound
    }

    /// What the options of a worker mean on this machine.
    ///
    /// - Throws: if an address or interface is not there, or does not follow from the coordinator's.
    init(_ options: WorkerOptions) throws(ConfigurationError) {
        let ports = options.ports ?? "*"
        guard let range = TCPEndpoint.ports(ports), ports == "*" || range.lowerBound > 0 else {
            throw .invalid("ports", value: ports, need: "a port or a range of ports, such as 5600-5699")
        }
        if options.address != nil, options.interface != nil { throw .conflict("address", "interface") }
        let isPlain = options.address == nil && options.interface == nil
        if isPlain, options.coordinator.hasPrefix("ipc://") {
            bind = options.coordinator + "-\(getpid())"
            return
        }
        let (host, advertised, option) = try Self.host(options)
        bind = "tcp://\(host):\(ports)"
        advertisedHost = advertised
        if isPlain, !Endpoint.isLocal(bind), options.keys == nil, !options.insecure {
            // This address was not given by the user: it is the option that is missing which is to be named.
            throw .missingWorkerOption(
                "keys",
                what: "the folder of this worker's keys (see \(CommandName.current) keygen): it would listen at "
                    + "\(host), where other "
                    + "machines can send it anything; --insecure allows that on a network that you trust")
        }
        try Endpoint.checkReach(
            bind, option: option, value: advertised ?? host, hasKeys: options.keys != nil, insecure: options.insecure)
    }

    private static func host(
        _ options: WorkerOptions
    ) throws(ConfigurationError) -> (bind: String, advertised: String?, option: String) {
        if let name = options.interface {
            let addresses = NetworkInterfaces.addresses(of: name)
            guard let first = addresses.first else {
                throw .invalid(
                    "interface", value: name,
                    need: "one that has an address; there are \(NetworkInterfaces.names.joined(separator: ", "))")
            }
            // Of the family by which the coordinator is reached, if the interface has one.
            let outgoing = OutgoingAddress.toward(options.coordinator)
            let isIPv6 = outgoing?.hasPrefix("[") ?? false
            let fitting = addresses.first { $0.description.hasPrefix("[") == isIPv6 }
            return ((fitting ?? first).description, nil, "interface")
        }
        if let given = options.address {
            let host = given.contains(":") && !given.hasPrefix("[") ? "[\(given)]" : given
            guard !given.contains("/"), let tcp = TCPEndpoint("tcp://\(host):1"), !Endpoint.isWildcard(tcp.host) else {
                throw .invalid("address", value: given, need: "an address or a host name, without tcp:// and port")
            }
            let found = SocketAddress.resolve(host)
            guard !found.isEmpty else {
                throw .invalid("address", value: given, need: "an address or a host name that is known here")
            }
            let own = found.filter { NetworkInterfaces.has($0) }
            if let first = own.first {
                let isName = first.description != host
                // A name may mean 127.0.0.1 here, and something else to the others.
                if isName, own.contains(where: \.isLoopback), host != "localhost" { return ("*", host, "address") }
                // Others may reach any of a name's addresses: all are bound.
                return (isName && own.count > 1 ? host : first.description, isName ? host : nil, "address")
            }
            // Behind a translation of addresses: others reach it by one that no interface here has.
            return ("*", host, "address")
        }
        if let name = Endpoint.host(options.coordinator), name == "localhost" {
            // What it means here: 127.0.0.1, ::1 or both.
            return (SocketAddress.resolve(name).isEmpty ? "127.0.0.1" : name, nil, "address")
        }
        if Endpoint.isLocal(options.coordinator) {
            return (Endpoint.host(options.coordinator) == "[::1]" ? "[::1]" : "127.0.0.1", nil, "address")
        }
        try Endpoint.checkHostIsKnown(options.coordinator, option: "coordinator")
        guard let address = OutgoingAddress.toward(options.coordinator) else {
            throw .missingWorkerOption(
                "address",
                what: "the address of this machine that the other workers reach; there is no route to "
                    + "\(options.coordinator) to tell it by")
        }
        return (address, nil, "address")
    }
}
