import Foundation

/// An IPv4 or IPv6 address with a port, as the kernel has it.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    private let bytes: [UInt8]

    init(_ pointer: UnsafePointer<sockaddr>, length: Int) {
        bytes = Array(UnsafeRawBufferPointer(start: pointer, count: length))
    }

    var family: Int32 { bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: sa_family_t.self)) } }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes.prefix($0.count)) }
        return withUnsafePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(bytes.count)) }
        }
    }

    func with(port: Int) -> SocketAddress {
        // Both families have the port in bytes 2 and 3, in the order of the network.
        var copy = bytes
        copy[2] = UInt8(truncatingIfNeeded: port >> 8)
        copy[3] = UInt8(truncatingIfNeeded: port)
        return SocketAddress(bytes: copy)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The address without family and port: 4 or 16 bytes; an IPv4 address that is dressed as IPv6 has 4.
    var addressBytes: [UInt8] {
        guard family == AF_INET6 else { return Array(bytes[4..<8]) }
        let address = Array(bytes[8..<24])
        return address.prefix(12).elementsEqual([UInt8](repeating: 0, count: 10) + [255, 255])
            ? Array(address.suffix(4)) : address
    }

    /// Whether it is of IPv4, as the socket that connects to it must be.
    public var isIPv4: Bool { family == AF_INET }

    var isWildcard: Bool { addressBytes.allSatisfy { $0 == 0 } }

    /// Whether it is of this machine alone.
    public var isLoopback: Bool {
        let address = addressBytes
        return address.count == 4 ? address[0] == 127 : address.dropLast().allSatisfy { $0 == 0 } && address[15] == 1
    }

    /// The address in digits, without port, as endpoints have it: IPv6 in brackets.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isKnown = withPointer { getnameinfo($0, $1, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 }
        guard isKnown else { return "?" }
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if address.hasPrefix("::ffff:"), address.contains(".") { return String(address.dropFirst(7)) }
        return family == AF_INET6 ? "[\(address)]" : address
    }

    /// The port.
    var port: Int { Int(bytes[2]) << 8 | Int(bytes[3]) }

    /// What a socket is bound to; nil if that is no address of IP.
    static func own(of descriptor: Int32) -> SocketAddress? { address(descriptor, getsockname) }

    /// The other end of a connection; nil if there is none.
    static func peer(of descriptor: Int32) -> SocketAddress? { address(descriptor, getpeername) }

    private static func address(
        _ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard ask(descriptor, address, &length) == 0,
                    [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family))
                else { return nil }
                return SocketAddress(address, length: Int(length))
            }
        }
    }

    /// The addresses that a host name, or an address in digits, stands for; of one family if that is given.
    ///
    /// - Parameter host: as in endpoints, an IPv6 address in brackets.
    public static func resolve(_ host: String, family: Int32 = AF_UNSPEC) -> [SocketAddress] {
        let isIPv6 = host.hasPrefix("[") && host.hasSuffix("]")
        guard !isIPv6 || family != AF_INET else { return [] }
        var hints = addrinfo()
        hints.ai_family = isIPv6 ? AF_INET6 : family
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(isIPv6 ? String(host.dropFirst().dropLast()) : host, "9", &hints, &found) == 0 else {
            return []
        }
        defer { freeaddrinfo(found) }
        var addresses: [SocketAddress] = []
        var next = found
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                addresses.append(SocketAddress(address, length: Int(entry.ai_addrlen)).with(port: 0))
            }
            next = entry.ai_next
        }
        return addresses
    }

    /// What to connect to where `host` is said, in the order in which to try: those that there is a route to, and IPv4,
    /// first.
    public static func toConnect(_ host: String) -> [SocketAddress] {
        let all = unique(resolve(host))
        let sorted = all.filter { $0.family == AF_INET } + all.filter { $0.family != AF_INET }
        let routed = sorted.filter { $0.outgoing != nil }
        return routed + sorted.filter { !routed.contains($0) }
    }

    /// A name may be listed twice with the same address.
    private static func unique(_ addresses: [SocketAddress]) -> [SocketAddress] {
        var seen: Set<SocketAddress> = []
        return addresses.filter { seen.insert($0).inserted }
    }

    /// What to bind where `host` is said; all of it is tried in order.
    static func toBind(_ host: String) -> [SocketAddress] {
        if host == "*" { return resolve("[::]") + resolve("0.0.0.0") }
        let own = NetworkInterfaces.addresses(of: host)
        return own.isEmpty ? unique(resolve(host)) : own
    }
}

/// The network interfaces of this machine.
public enum NetworkInterfaces {
    /// The addresses of the interface called `name`, IPv4 first; empty if there is none, or it has none.
    public static func addresses(of name: String) -> [SocketAddress] {
        let own = all().filter { $0.name == name }.map(\.address)
        return own.filter { $0.family == AF_INET } + own.filter { $0.family == AF_INET6 && !isLinkLocal($0) }
    }

    /// Whether an interface of this machine has `address`.
    public static func has(_ address: SocketAddress) -> Bool {
        address.isLoopback || all().contains { $0.address.addressBytes == address.addressBytes }
    }

    /// The names of the interfaces that have addresses, for messages.
    public static var names: [String] { Set(all().map(\.name)).sorted() }

    private static func isLinkLocal(_ address: SocketAddress) -> Bool {
        let bytes = address.addressBytes
        return bytes.count == 16 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
    }

    private static func all() -> [(name: String, address: SocketAddress)] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [(String, SocketAddress)] = []
        var next = first
        while let entry = next?.pointee {
            if let address = entry.ifa_addr {
                let size: Int? =
                    switch Int32(address.pointee.sa_family) {
                    case AF_INET: MemoryLayout<sockaddr_in>.size
                    case AF_INET6: MemoryLayout<sockaddr_in6>.size
                    default: nil
                    }
                if let size { found.append((String(cString: entry.ifa_name), SocketAddress(address, length: size))) }
            }
            next = entry.ifa_next
        }
        return found
    }
}

extension SocketAddress {
    /// The address of this machine from which packets to this one leave; nil if there is no route.
    public var outgoing: SocketAddress? {
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard with(port: 9).withPointer({ connect(descriptor, $0, $1) }) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    ? SocketAddress(address, length: Int(length)).with(port: 0) : nil
            }
        }
    }
}
