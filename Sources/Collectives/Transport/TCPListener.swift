import CZeroMQ
import Foundation

/// Makes listening TCP sockets: on one of several ports, on an interface by its name, on IPv4 and IPv6.
enum TCPListener {
    /// Sockets that listen at `endpoint`: `tcp://HOST:PORT`, where HOST is an address (IPv6 in brackets), a host name
    /// (all of its addresses that this machine has), the name of an interface (its first address) or `*` (all there
    /// are), and PORT a number, `*` (any that is free) or a range `5600-5699`, of which the first free one is taken.
    /// All have the same port.
    ///
    /// - Returns: their descriptors, at least one, which the caller closes.
    /// - Throws: an error that names the endpoint.
    static func make(
        _ endpoint: String, backlog: Int32, sendBufferBytes: Int32, receiveBufferBytes: Int32
    ) throws(ZeroMQError) -> [Int32] {
        guard let parts = TCPEndpoint(endpoint) else {
            throw ZeroMQError(operation: "bind to", endpoint: endpoint, code: EINVAL)
        }
        let addresses = SocketAddress.toBind(parts.host)
        guard !addresses.isEmpty else { throw ZeroMQError(operation: "bind to", endpoint: endpoint, code: ENODEV) }
        var code = ENODEV
        // Any free port of one address may be taken at another.
        let ports = parts.ports == 0...0 ? [Int](repeating: 0, count: addresses.count > 1 ? 16 : 1) : Array(parts.ports)
        let isName = parts.host != "*" && NetworkInterfaces.addresses(of: parts.host).isEmpty
        for port in ports {
            switch listen(
                isName ? addresses.map { [$0] } : [addresses], port, backlog, sendBufferBytes,
                receiveBufferBytes)
            {
            case .success(let descriptors): return descriptors
            case .failure(let error): code = error.code
            }
            // Only where a port is taken may another one do.
            guard code == EADDRINUSE || code == EACCES else { break }
        }
        throw ZeroMQError(operation: "bind to", endpoint: endpoint, code: code)
    }

    /// Listens at the first possible address of each of `choices`, with the same port; addresses that are not there are
    /// left out, but not all of them.
    private static func listen(
        _ choices: [[SocketAddress]], _ port: Int, _ backlog: Int32, _ sendBytes: Int32, _ receiveBytes: Int32
    ) -> Result<[Int32], SystemError> {
        var port = port
        var made: [Int32] = []
        var error = SystemError(code: EADDRNOTAVAIL)
        for addresses in choices {
            choosing: for address in addresses {
                switch listen(address.with(port: port), backlog, sendBytes, receiveBytes) {
                case .success(let descriptor):
                    made.append(descriptor)
                    port = SocketAddress.own(of: descriptor)?.port ?? port
                    break choosing
                case .failure(let found):
                    error = found
                    // A kernel without IPv6 has the addresses of IPv4; a name may have addresses of other machines.
                    guard error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL else {
                        for descriptor in made { close(descriptor) }
                        return .failure(error)
                    }
                }
            }
        }
        return made.isEmpty ? .failure(error) : .success(made)
    }

    private struct SystemError: Error { var code: Int32 }

    private static func listen(
        _ address: SocketAddress, _ backlog: Int32, _ sendBytes: Int32, _ receiveBytes: Int32
    ) -> Result<Int32, SystemError> {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        // Connections inherit both.
        if sendBytes >= 0 { set(descriptor, SOL_SOCKET, SO_SNDBUF, sendBytes) }
        if receiveBytes >= 0 { set(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBytes) }
        if address.family == AF_INET6 {
            set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address.isWildcard ? 0 : 1)
        }
        let isBound = address.withPointer { bind(descriptor, $0, $1) == 0 }
        guard isBound, Glibc.listen(descriptor, backlog) == 0 else {
            let code = errno
            close(descriptor)
            return .failure(SystemError(code: code))
        }
        return .success(descriptor)
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        // What the system does not let us choose, it chooses.
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// The parts of `tcp://HOST:PORT`.
public struct TCPEndpoint: Sendable, Equatable {
    /// As it was given: an IPv6 address in brackets, a name, an address, `*`.
    public var host: String
    /// The ports to try, in order; 0 for any that is free.
    public var ports: ClosedRange<Int>

    /// nil unless `text` is `tcp://HOST:PORT` with a port, a range of ports, or `*`.
    public init?(_ text: String) {
        guard text.hasPrefix("tcp://") else { return nil }
        let rest = text.dropFirst(6)
        guard let colon = rest.lastIndex(of: ":") else { return nil }
        host = String(rest[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
        guard !host.isEmpty, isBracketed || !host.contains(where: { $0 == ":" || $0 == "[" || $0 == "]" }),
            let ports = Self.ports(String(rest[rest.index(after: colon)...]))
        else { return nil }
        self.ports = ports
    }

    /// The range that `*`, `5555` or `5600-5699` mean; nil for anything else.
    public static func ports(_ text: String) -> ClosedRange<Int>? {
        if text == "*" { return 0...0 }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = ends.compactMap { part in
            part.utf8.allSatisfy { (48...57).contains($0) } ? UInt16(part).map { Int($0) } : nil
        }
        guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last, first <= last,
            ends.count == 1 || first > 0
        else { return nil }
        return first...last
    }
}
