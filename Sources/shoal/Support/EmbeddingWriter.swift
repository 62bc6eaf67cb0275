import Foundation
import Support

/// Writes embeddings as JSON Lines or as an array of NumPy: to standard output, or to a file that is there whole or not
/// at all.
final class EmbeddingWriter {
    private enum Place {
        case standardOutput
        case file(FileHandle, temporary: String, path: String, isArray: Bool)
    }
    private let place: Place
    private let width: Int
    private var count = 0
    private var isFinished = false

    /// Bytes of the header of an array, padding included.
    private static let headerBytes = 128

    /// A writer of embeddings of `width` numbers.
    ///
    /// - Parameter path: An array where it ends with `.npy`; nil for standard output.
    init(_ path: String?, width: Int) throws {
        self.width = width
        guard let path else {
            place = .standardOutput
            return
        }
        let temporary = temporarySibling(of: path)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.system(path, doing: "create it") }
        let isArray = path.lowercased().hasSuffix(".npy")
        place = .file(
            FileHandle(fileDescriptor: descriptor, closeOnDealloc: true), temporary: temporary, path: path,
            isArray: isArray)
        if isArray { try write(Self.header(count: 0, width: width)) }
    }

    deinit {
        if case .file(_, let temporary, _, _) = place, !isFinished { unlink(temporary) }
    }

    /// Writes the embeddings of the texts that come next.
    func append(_ rows: [[Float]]) throws {
        count += rows.count
        if case .file(_, _, _, true) = place {
            var bytes = Data(capacity: rows.count * width * 4)
            for row in rows {
                for value in row { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
            }
            return try write(bytes)
        }
        var json = JSONWriter()
        for row in rows {
            json.raw("{\"embedding\": [")
            for (i, value) in row.enumerated() {
                if i > 0 { json.raw(", ") }
                json.number(value)
            }
            json.raw("]}")
            json.newline()
        }
        guard case .standardOutput = place else { return try write(Data(json.bytes)) }
        try StandardOutput.write(json.bytes)
    }

    /// Puts the file in place.
    func finish() throws {
        guard case .file(let handle, let temporary, let path, let isArray) = place else { return }
        if isArray {
            try checked { try handle.seek(toOffset: 0) }
            try write(Self.header(count: count, width: width))
        }
        try checked {
            try handle.synchronize()
            try handle.close()
        }
        guard rename(temporary, path) == 0 else { throw FileError.system(path, doing: "put it in place") }
        isFinished = true
    }

    private func write(_ data: Data) throws {
        guard case .file(let handle, _, _, _) = place else { return }
        try checked { try handle.write(contentsOf: data) }
    }

    private func checked(_ body: () throws -> Void) throws {
        guard case .file(_, _, let path, _) = place else { return }
        do { try body() } catch { throw FileError(path, "cannot be written: \(error.localizedDescription)") }
    }

    /// The header of version 1.0 of NumPy's format (`numpy.lib.format`).
    static func header(count: Int, width: Int) -> Data {
        var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(count), \(width)), }"
        text += String(repeating: " ", count: headerBytes - 11 - text.utf8.count) + "\n"
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(headerBytes - 10), 0] + Array(text.utf8))
    }
}
