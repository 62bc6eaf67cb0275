import Crypto
import Foundation
import Support

/// A data file mapped to memory: pages come and go as they are read, so its size costs no memory of ours.
///
/// Holds no NUL byte; whether it is UTF-8 is found out as its parts are read.
final class TextFile: Sendable {
    let path: String
    // Read-only memory that lives as long as this object, and is never written.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Where the text begins: behind a byte order mark.
    let start: Int

    init(_ path: String) throws(FileError) {
        self.path = path
        let descriptor = try Self.openFile(path)
        defer { close(descriptor) }
        let size = try Self.size(descriptor, path)
        guard size > 0 else { throw FileError(path, "the file is empty") }
        guard let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
            throw Self.failed(path, "map it to memory")
        }
        madvise(memory, size, MADV_SEQUENTIAL)
        bytes = UnsafeRawBufferPointer(start: memory, count: size)
        start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        if let kind = FileKind(head: bytes.prefix(FileKind.headSize), path: path) {
            throw FileError(path, kind.advice)
        }
        if let zero = memchr(memory, 0, size) {
            let offset = UnsafeRawPointer(zero) - UnsafeRawPointer(memory)
            throw FileError(
                path, line: line(at: offset),
                "there is a NUL byte at byte offset \(offset); is this a text file? Remove it, as with tr -d '\\000'")
        }
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// Throws unless a file is there that could be read, and that is of no kind that is known to be no text.
    static func check(_ path: String) throws(FileError) {
        let descriptor = try openFile(path)
        defer { close(descriptor) }
        _ = try size(descriptor, path)
        var head = [UInt8](repeating: 0, count: FileKind.headSize)
        let count = pread(descriptor, &head, head.count, 0)
        if let kind = FileKind(head: head.prefix(max(0, count)), path: path) { throw FileError(path, kind.advice) }
    }

    private static func openFile(_ path: String) throws(FileError) -> Int32 {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? FileError(path, "no such file; check the path") : failed(path, "open it")
        }
        return descriptor
    }

    private static func size(_ descriptor: Int32, _ path: String) throws(FileError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed(path, "read its size") }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw FileError(path, "is a folder; give a file") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(path, "not a regular file; write the data to a file first")
        }
        return Int(status.st_size)
    }

    private static func failed(_ path: String, _ what: String) -> FileError {
        FileError(path, "cannot \(what): \(String(cString: strerror(errno)))")
    }

    /// The number, from 1, of the line that byte `offset` is in.
    func line(at offset: Int) -> Int {
        var count = 1
        for byte in bytes[..<offset] where byte == UInt8(ascii: "\n") { count += 1 }
        return count
    }

    /// The text of a range.
    func text(_ range: Range<Int>) throws(FileError) -> String {
        guard let base = bytes.baseAddress else { return "" }
        let part = UnsafeBufferPointer(
            start: (base + range.lowerBound).assumingMemoryBound(to: UInt8.self), count: range.count)
        if let text = String(validating: part, as: UTF8.self) { return text }
        throw invalid(in: range)
    }

    /// The text of a range in which each second of two equal bytes `doubled`, an ASCII character, is left out.
    func text(_ range: Range<Int>, halvingEach doubled: UInt8) throws(FileError) -> String {
        // By bytes: to Swift's strings, a quote with a combining mark behind it is no quote.
        let text = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count) { buffer -> String? in
            var count = 0
            var isSecond = false
            for byte in bytes[range] {
                isSecond = byte == doubled && !isSecond
                if byte == doubled && !isSecond { continue }
                buffer.initializeElement(at: count, to: byte)
                count += 1
            }
            return String(validating: buffer[..<count], as: UTF8.self)
        }
        guard let text else { throw invalid(in: range) }
        return text
    }

    /// The error for the first byte of a range that is no UTF-8.
    private func invalid(in range: Range<Int>) -> FileError {
        var decoder = UTF8()
        var iterator = bytes[range].makeIterator()
        var offset = range.lowerBound
        scan: while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): offset += UTF8.width(scalar)
            case .emptyInput, .error: break scan
            }
        }
        return FileError(path, line: line(at: offset), "invalid UTF-8 at byte offset \(offset); \(notUTF8Advice)")
    }

    /// Calls `body` with the number and the range of each line, without its LF or CRLF; blank lines too.
    func forEachLine(limit: Int, _ body: (Int, Range<Int>) throws(FileError) -> Bool) throws(FileError) {
        guard let base = bytes.baseAddress else { return }
        var position = start
        var line = 1
        while position < bytes.count {
            let found = memchr(base + position, 10, bytes.count - position).map { UnsafeRawPointer($0) - base }
            var end = found ?? bytes.count
            if end > position, bytes[end - 1] == 13 { end -= 1 }
            guard end - position <= limit else {
                throw FileError(path, line: line, "the line is longer than \(limit) bytes; split it, or shorten it")
            }
            guard try body(line, position..<end) else { return }
            position = (found ?? bytes.count) + 1
            line += 1
        }
    }

    /// The SHA-256 of the whole file, in lowercase hexadecimal digits.
    var sha256: String {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return Hex.encode(hash.finalize())
    }
}

/// The SHA-256 of a data file, in lowercase hexadecimal digits: by it a run knows its data again.
///
/// - Throws: For a file that cannot be read, is empty, or holds a NUL byte.
public func dataFileSHA256(_ path: String) throws(FileError) -> String { try TextFile(path).sha256 }
