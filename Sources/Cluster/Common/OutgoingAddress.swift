import Collectives
import Foundation

/// The address of this machine that others on the way to an endpoint see.
enum OutgoingAddress {
    /// The address of the interface by which packets to a `tcp://` endpoint leave, as endpoints have it (IPv6 in
    /// brackets); nil if its host is unknown or there is no route. Nothing is sent: a datagram socket is connected.
    static func toward(_ endpoint: String) -> String? {
        guard let host = Endpoint.host(endpoint) else { return nil }
        return SocketAddress.toConnect(host).first?.outgoing?.description
    }
}
