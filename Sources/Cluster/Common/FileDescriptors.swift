import Foundation

/// The open files and connections that this process may have.
enum FileDescriptors {
    /// Raises the limit to what the system allows: a coordinator has a connection for each worker, a worker two for
    /// each peer, and unauthenticated peers take some for a while.
    static func raiseLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        // More than this only costs memory in the kernel's tables.
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, 65_536))
        setrlimit(resource, &limit)
    }
}
