import Foundation

/// The transport of a world of one rank: it has no peers, and only waits.
final class SoloTransport: Transport {
    let endpoint = ""
    let wake: @Sendable () -> Void
    private let signal = DispatchSemaphore(value: 0)

    init() { wake = { [signal] in signal.signal() } }

    func wait(seconds: Double?, reading: Bool) throws(ZeroMQError) {
        if let seconds {
            _ = signal.wait(timeout: .now() + max(0, seconds))
        } else {
            signal.wait()
        }
    }

    func connect(to peer: Int, at endpoint: String, now: Double) throws(AllReduceError) {
        throw .misuse("a connection to rank \(peer) in a world of one")
    }

    func send(_ header: [UInt8], _ payload: OutgoingPayload, to peer: Int) throws(ZeroMQError) {
        throw ZeroMQError(operation: "send to", endpoint: "rank \(peer)", code: ENOTCONN)
    }

    func retry(_ peer: Int, now: Double) throws(ZeroMQError) {}
    func answer(_ frames: [[UInt8]], to sender: [UInt8]) {}
    func isLending(to peer: Int) -> Bool { false }
    func receive(while wantsMessages: () -> Bool, _ handle: (Arrival) throws -> Void) throws {}
    func end(_ connection: Int32) {}
    func close(lingering seconds: Double) {}
}
