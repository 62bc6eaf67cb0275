import CLinux
import Foundation

/// Reads the memory of a peer on this machine that has proved to be the process at the other end of the connection.
struct SharedMemoryReader {
    /// What came of reading.
    enum Outcome: Equatable {
        /// All is there.
        case read
        /// The peer has closed the epoch, or has gone: what was written may be anything.
        case epochClosed
        /// The system does not let it be read, for this reason (`errno`), though it may hold.
        case unreadable(Int32)
    }

    /// The process.
    let process: UInt64
    private let pid: Int64
    private let stamp: UInt64

    /// nil unless the process that `location` names exports `challenge` there: it is elsewhere, or may not be read.
    init?(_ location: MemoryLocation, challenge: [UInt8]) {
        guard let pid = Int32(exactly: location.pid), pid > 0 else { return nil }
        self.pid = Int64(pid)
        process = location.pid
        stamp = location.stamp
        var found = [UInt8](repeating: 0, count: challenge.count)
        guard shoal_read_process(self.pid, location.challenge, &found, found.count) == 0, found == challenge else {
            return nil
        }
    }

    /// Copies `count` floats to `to`, and finds out whether they held until the last one was read.
    func read(_ reference: MemoryReference, count: Int, to: UnsafeMutablePointer<Float>) -> Outcome {
        let problem = shoal_read_process(pid, reference.address, to, count * 4)
        // After the floats: the peer takes the stamp away before it changes them.
        var found: UInt64 = 0
        let stampProblem = shoal_read_process(pid, stamp, &found, 8)
        if problem == ESRCH || stampProblem == ESRCH { return .epochClosed }
        guard stampProblem == 0 else { return .unreadable(stampProblem) }
        guard found == reference.stamp, found != 0 else { return .epochClosed }
        return problem == 0 ? .read : .unreadable(problem)
    }
}
