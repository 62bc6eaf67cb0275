import CLinux
import Foundation

/// Threads that are known to have started: Foundation's `Thread` says nothing where the system refuses one.
public enum NamedThread {
    /// Runs `body` on a thread of its own, which nothing waits for.
    ///
    /// - Parameters:
    ///   - name: Shown by `ps` and debuggers, which cut it after 15 bytes.
    ///   - stackBytes: The size of its stack.
    /// - Throws: ``ResourceLimitError`` that names the limits of this process.
    public static func start(
        _ name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(ResourceLimitError) {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { raw in
                guard let raw else { return nil }
                let work = Unmanaged<Work>.fromOpaque(raw).takeRetainedValue()
                shoal_name_thread(work.name)
                work.body()
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            throw ResourceLimitError("start the thread \(name)", code: code)
        }
    }

    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
