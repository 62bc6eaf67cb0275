import Foundation
import Support

/// No process reads the output any more, as after `| head`: the end, but no error.
struct BrokenPipe: Error {}

/// Standard output cannot be written.
struct OutputError: Error, CustomStringConvertible {
    let reason: String
    var description: String { "cannot write to standard output: \(reason)" }
}

/// Standard output, past the buffers of the C library.
enum StandardOutput {
    /// Writes all bytes.
    ///
    /// - Throws: ``BrokenPipe``, or ``OutputError`` with the system's reason.
    static func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Foundation.write(
                    STDOUT_FILENO, bytes.baseAddress.map { $0 + written }, bytes.count - written)
                if count < 0 {
                    if errno == EINTR { continue }
                    if errno == EPIPE { throw BrokenPipe() }
                    throw OutputError(reason: String(cString: strerror(errno)))
                }
                written += count
            }
        }
    }

    /// Writes a text and a line feed.
    static func line(_ text: String) throws { try write(Array((text + "\n").utf8)) }
}

/// Standard error: messages for people. That it cannot be written is no error.
enum StandardError {
    static func write(_ line: String) {
        // The last look: a line shows no control characters, whatever was put into it, and has an end.
        let lines = line.split(separator: "\n", omittingEmptySubsequences: false).map { $0.printable(limit: 1100) }
        FileHandle.standardError.writeQuietly(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}

extension FileHandle {
    fileprivate func writeQuietly(_ data: Data) { try? write(contentsOf: data) }
}
