import Foundation
import Support
import Synchronization

/// A fixed team of threads that run one closure side by side, each with its number.
///
/// Thread 0 is the caller; the others are kept and wait. With one thread nothing is started and nothing is paid.
public final class ThreadTeam: Sendable {
    /// The number of threads, the caller included.
    public let count: Int
    private let members: [TeamThread]

    /// Starts `count - 1` threads, with a stack of 8 MiB each.
    ///
    /// - Throws: ``ResourceLimitError`` if the system does not allow as many.
    public init(count: Int) throws(ResourceLimitError) {
        precondition(count >= 1, "a team has at least one thread")
        self.count = count
        var made: [TeamThread] = []
        for number in 1..<max(count, 1) {
            do throws(ResourceLimitError) {
                made.append(try TeamThread(number: number))
            } catch {
                for member in made { member.submit(nil) }
                throw error
            }
        }
        members = made
    }

    deinit { for member in members { member.submit(nil) } }

    /// Runs `body(0) … body(count - 1)`, each on its own thread, and returns when all have returned.
    public func run(_ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            for member in members { member.submit(body) }
            body(0)
            for member in members { member.waitUntilDone() }
        }
    }

    /// A thread with a place for one piece of work.
    private final class TeamThread: Sendable {
        private struct State: Sendable {
            var work: (@Sendable (Int) -> Void)?
            var ends = false
        }
        private let state = Mutex(State())
        private let ready = DispatchSemaphore(value: 0)
        private let done = DispatchSemaphore(value: 0)

        init(number: Int) throws(ResourceLimitError) {
            try NamedThread.start("compute-\(number)") { [self] in
                while runNext(number) { done.signal() }
            }
        }

        /// Waits for work and does it; false at the end. On return no reference to the closure is left here: it does
        /// not really escape from its caller, who may go on only then.
        private func runNext(_ number: Int) -> Bool {
            ready.wait()
            let (work, ends) = state.withLock { state in
                defer { state.work = nil }
                return (state.work, state.ends)
            }
            if ends { return false }
            work?(number)
            return true
        }

        /// Hands over work, or ends the thread.
        func submit(_ work: (@Sendable (Int) -> Void)?) {
            state.withLock {
                $0.work = work
                $0.ends = work == nil
            }
            ready.signal()
        }

        func waitUntilDone() { done.wait() }
    }
}
