import Crypto
import Foundation

/// A data file mapped to memory: pages come and go as they are read, so its size costs no memory of ours.
final class TextFile: Sendable {
    let path: String
    // Read-only memory that lives as long as this object.
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Where the text begins: behind a byte order mark.
    let start: Int

    init(_ path: String) throws(CorpusError) {
        self.path = path
        func failed(_ what: String) -> CorpusError {
            CorpusError(path, "cannot \(what): \(String(cString: strerror(errno)))")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? CorpusError(path, "no such file") : failed("open it")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("read its size") }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw CorpusError(path, "is a folder; give a file") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CorpusError(path, "not a regular file; write the data to a file first")
        }
        guard status.st_size > 0 else { throw CorpusError(path, "the file is empty") }
        guard let memory = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED
        else { throw failed("map it to memory") }
        bytes = UnsafeRawBufferPointer(start: memory, count: Int(status.st_size))
        start = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
        if bytes.count >= 2, (bytes[0] == 0xFF && bytes[1] == 0xFE) || (bytes[0] == 0xFE && bytes[1] == 0xFF) {
            throw CorpusError(path, "is UTF-16; convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8")
        }
        if let zero = memchr(memory, 0, bytes.count) {
            let offset = UnsafeRawPointer(zero) - UnsafeRawPointer(memory)
            throw CorpusError(
                path, line: line(at: offset), "there is a NUL byte at offset \(offset); is this a text file?")
        }
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// The number, from 1, of the line that byte `offset` is in.
    func line(at offset: Int) -> Int { bytes[..<offset].reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 } }

    /// The text of a range.
    func text(_ range: Range<Int>) throws(CorpusError) -> String {
        guard let base = bytes.baseAddress else { return "" }
        let part = UnsafeBufferPointer(
            start: (base + range.lowerBound).assumingMemoryBound(to: UInt8.self), count: range.count)
        if let text = String(validating: part, as: UTF8.self) { return text }
        throw invalid(in: range)
    }

    /// The error for the first byte of a range that is no UTF-8.
    func invalid(in range: Range<Int>) -> CorpusError {
        var decoder = UTF8()
        var iterator = bytes[range].makeIterator()
        var offset = range.lowerBound
        scan: while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): offset += UTF8.width(scalar)
            case .emptyInput, .error: break scan
            }
        }
        return CorpusError(
            path, line: line(at: offset),
            "invalid UTF-8 at byte offset \(offset); convert the file to UTF-8, as with iconv -f ISO-8859-1 -t UTF-8")
    }

    /// The SHA-256 of the whole file, in lowercase hexadecimal digits.
    var sha256: String {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return hash.finalize().map { String(format: "%02x", $0) }.joined()
    }
}

/// The SHA-256 of a data file, in lowercase hexadecimal digits: by it a run knows its data again.
public func dataFileSHA256(_ path: String) throws(CorpusError) -> String { try TextFile(path).sha256 }
