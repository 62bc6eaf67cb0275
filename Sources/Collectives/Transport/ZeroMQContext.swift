import CZeroMQ
import Foundation
import Support
import Synchronization

/// A ZeroMQ context: the I/O threads that sockets live on. Contexts may be shared between threads, sockets may not.
public final class ZeroMQContext: Sendable {
    /// Descriptors of the library itself, and of a peer: a socket, its monitor, connections both ways.
    private static let (baseFiles, filesPerPeer) = (16, 5)

    /// The library's handle; zero once terminated.
    private let handle: Mutex<UInt>

    /// A context with `ioThreads` threads of the library that move bytes (1 is right up to about a gigabyte a second).
    ///
    /// - Parameter peers: so many others it will be connected with.
    /// - Throws: if the process is out of file descriptors or threads.
    public init(ioThreads: Int = 1, peers: Int = 1) throws(ZeroMQError) {
        do throws(ResourceLimitError) {
            // The library aborts the process where it is refused one of these.
            try ResourceProbe.threads(ioThreads + 2, for: "the network")
            try ResourceProbe.files(Self.baseFiles + Self.filesPerPeer * peers, for: "the network")
        } catch {
            throw ZeroMQError(error)
        }
        guard let raw = zmq_ctx_new() else { throw .last("create a messaging context") }
        handle = Mutex(UInt(bitPattern: raw))
        guard zmq_ctx_set(raw, ZMQ_IO_THREADS, Int32(clamping: ioThreads)) == 0 else {
            throw .last("start \(ioThreads) messaging threads")
        }
        // A socket and two of its monitor for each peer.
        guard zmq_ctx_set(raw, ZMQ_MAX_SOCKETS, Int32(clamping: max(1023, 64 + 4 * peers))) == 0 else {
            throw .last("make room for \(peers) peers")
        }
    }

    deinit { terminate() }

    func makeSocket(_ type: Int32) throws(ZeroMQError) -> UnsafeMutableRawPointer {
        let raw = handle.withLock { $0 }
        guard raw != 0, let socket = zmq_socket(UnsafeMutableRawPointer(bitPattern: raw), type) else {
            throw raw == 0
                ? ZeroMQError(operation: "create a socket", endpoint: "", code: CZeroMQ.ETERM)
                : .last("create a socket")
        }
        return socket
    }

    /// Makes every blocking call on the context's sockets fail with ETERM.
    public func shutdown() {
        let raw = handle.withLock { $0 }
        if raw != 0 { zmq_ctx_shutdown(UnsafeMutableRawPointer(bitPattern: raw)) }
    }

    /// Ends the context. Waits until its sockets are closed and their messages sent or, with linger 0, dropped: after
    /// that, no memory lent to a zero-copy send is read any more.
    public func terminate() {
        let raw = handle.withLock { value in
            defer { value = 0 }
            return value
        }
        guard raw != 0, let pointer = UnsafeMutableRawPointer(bitPattern: raw) else { return }
        while zmq_ctx_term(pointer) != 0 && zmq_errno() == EINTR {}
    }
}
