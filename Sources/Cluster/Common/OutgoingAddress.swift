import Foundation

/// The address of this machine that others on the way to an endpoint see.
enum OutgoingAddress {
    /// The address of the interface by which packets to a `tcp://` endpoint leave, as endpoints have it (IPv6 in
    /// brackets); nil if its host is unknown or there is no route. Nothing is sent: a datagram socket is connected.
    static func toward(_ endpoint: String) -> String? {
        guard let host = Endpoint.host(endpoint) else { return nil }
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        var hints = addrinfo()
        hints.ai_family = host.hasPrefix("[") ? AF_INET6 : AF_INET
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, "9", &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(first) }
        let descriptor = socket(first.pointee.ai_family, first.pointee.ai_socktype, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isKnown = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0
                    && getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            }
        }
        guard isKnown else { return nil }
        let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return first.pointee.ai_family == AF_INET6 ? "[\(address)]" : address
    }
}
