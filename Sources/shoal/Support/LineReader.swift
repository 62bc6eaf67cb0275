import Corpus
import Foundation
import Support

/// Reads lines from a file descriptor, as many at a time as are there: a pipe that is written line by line is answered
/// line by line, a file in large pieces.
final class LineReader {
    /// The longest line, in bytes: that of the longest record of a data file.
    static let lineLimit = 8 << 20
    private static let pieceSize = 1 << 18

    private let descriptor: Int32
    private let source: String
    private var line = 0
    private var isAtEnd = false
    private var isAtStart = true
    /// What was read, but not yet handed out.
    private var pending: [UInt8] = []
    /// Where the search for the end of the line goes on.
    private var searched = 0

    /// A reader of a descriptor that stays open; `source` names it in messages.
    init(descriptor: Int32, source: String) {
        self.descriptor = descriptor
        self.source = source
    }

    /// At least one line, unless the end is reached; at most `count`, of about `byteLimit` bytes. Ends of lines, LF or
    /// CRLF, are taken off, and so is a byte order mark; blank lines are kept.
    func next(count: Int, byteLimit: Int) throws -> [String] {
        var lines: [String] = []
        var bytes = 0
        while lines.count < count, bytes < byteLimit {
            if let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                bytes += try take(into: &lines, count: count, byteLimit: byteLimit - bytes, first: end)
                continue
            }
            searched = pending.count
            guard searched <= Self.lineLimit else {
                throw failure(line + 1, "longer than \(Self.lineLimit) bytes; split it, or shorten it")
            }
            if isAtEnd {
                if !pending.isEmpty {
                    lines.append(try text(pending[...]))
                    pending = []
                    searched = 0
                }
                return lines
            }
            // Do not wait for more while there is something to work on.
            if !lines.isEmpty, !isReadable { return lines }
            try readPiece()
        }
        return lines
    }

    /// Moves whole lines from `pending`, the first of which ends at `first`, to `lines`, until it has `count`, or
    /// `byteLimit` bytes have gone. At least one goes. How many bytes went.
    private func take(into lines: inout [String], count: Int, byteLimit: Int, first: Int) throws -> Int {
        var start = 0
        var end: Int? = first
        while let stop = end {
            lines.append(try text(pending[start..<stop]))
            start = stop + 1
            guard lines.count < count, start < byteLimit else { break }
            end = pending[start...].firstIndex(of: UInt8(ascii: "\n"))
        }
        pending.removeFirst(start)
        searched = 0
        return start
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws -> String {
        line += 1
        let bytes = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
        guard bytes.count <= Self.lineLimit else {
            throw failure(line, "longer than \(Self.lineLimit) bytes; split it, or shorten it")
        }
        guard !bytes.contains(0) else {
            throw failure(line, "there is a NUL byte; is this text? Remove it, as with tr -d '\\000'")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw failure(line, "invalid UTF-8; \(notUTF8Advice)")
        }
        return text
    }

    private func readPiece() throws {
        let piece = try [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
            while true {
                let got = read(descriptor, buffer.baseAddress, Self.pieceSize)
                if got < 0 && errno == EINTR { continue }
                guard got >= 0 else { throw failure(nil, "cannot be read: \(String(cString: strerror(errno)))") }
                count = got
                return
            }
        }
        isAtEnd = piece.isEmpty
        pending += piece
        if isAtStart, pending.count >= 3 || isAtEnd {
            if let kind = FileKind(head: pending.prefix(FileKind.headSize), path: source, isTable: false) {
                throw failure(nil, kind.advice)
            }
            if pending.starts(with: [0xEF, 0xBB, 0xBF]) { pending.removeFirst(3) }
            isAtStart = false
        }
    }

    /// Whether a read would return at once.
    private var isReadable: Bool {
        var descriptor = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    private func failure(_ line: Int?, _ reason: String) -> FileError {
        FileError(source, line: line, reason)
    }
}
