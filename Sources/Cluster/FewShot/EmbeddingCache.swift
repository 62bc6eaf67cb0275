import Crypto
import Foundation
import Support

/// Embeddings on disk, by what they were computed from: a file for each micro-batch.
///
/// Several runs may use the folder at a time. A file is written under a temporary name and renamed, and has a SHA-256
/// of its key and its contents; what does not fit it counts as absent and is written anew, so that nothing need be
/// flushed to the disk.
struct EmbeddingCache: Sendable {
    /// The folder; it is made when needed.
    let path: String
    /// Bytes of all files, at most, once ``trim(now:)`` has been called.
    var byteLimit = 2 << 30

    /// The digests of what embeddings follow from: see ``EmbeddingOrigin``.
    typealias Key = [UInt8]

    private static let digestBytes = SHA256.byteCount
    /// Temporary files that were not written to for as long belong to no process any more.
    private static let leftoverSeconds = 3600

    /// The embeddings of a micro-batch, row after row; nil where there are none, or they are damaged.
    ///
    /// - Parameter count: The numbers that they have.
    func values(of key: Key, count: Int) -> [Float]? {
        let file = file(of: key)
        let bytes = 4 * count
        guard let data = try? RegularFile.read(file, limit: bytes + Self.digestBytes),
            data.count == bytes + Self.digestBytes,
            data.suffix(Self.digestBytes).elementsEqual(Self.digest(key, data.prefix(bytes)))
        else { return nil }
        // What is used stays: the oldest files are removed first.
        utimensat(AT_FDCWD, file, nil, 0)
        return data.withUnsafeBytes { bytes in
            (0..<count).map {
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }

    /// Keeps the embeddings of a micro-batch, in place of what is there.
    ///
    /// - Throws: An error that names the file or the folder.
    func keep(_ values: [Float], of key: Key) throws(FileError) {
        var data = Data(capacity: 4 * values.count + Self.digestBytes)
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
        data.append(contentsOf: Self.digest(key, data))
        let file = file(of: key)
        try Self.makeFolder(path)
        try Self.makeFolder(parentFolder(of: file))
        // They tell much of the texts: nobody else may read them.
        try DurableFile.write(data, to: file, mode: 0o600, isFlushed: false)
    }

    /// Removes the files that were not used for the longest time where all are more than ``byteLimit``, some more than
    /// that so that it need not be done again soon; and what killed processes have left.
    ///
    /// - Parameter now: Seconds since 1970.
    func trim(now: Int = time(nil)) {
        var files: [(path: String, bytes: Int, used: timespec)] = []
        for folder in FlatFolder.names(in: path) ?? [] {
            for name in FlatFolder.names(in: "\(path)/\(folder)") ?? [] {
                let file = "\(path)/\(folder)/\(name)"
                var status = stat()
                guard lstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
                if PartialName.writer(of: name) != nil {
                    if now - status.st_mtim.tv_sec > Self.leftoverSeconds { unlink(file) }
                } else if Self.isEntry(folder + name) {
                    files.append((file, Int(status.st_size), status.st_mtim))
                }
            }
        }
        var bytes = files.reduce(0) { $0 + $1.bytes }
        guard bytes > byteLimit else { return }
        files.sort { ($0.used.tv_sec, $0.used.tv_nsec, $0.path) < ($1.used.tv_sec, $1.used.tv_nsec, $1.path) }
        for file in files where bytes > byteLimit / 8 * 7 {
            // Another run may have removed it.
            unlink(file.path)
            bytes -= file.bytes
        }
    }

    /// The file of a key: a folder for each first byte, as a folder of very many files is slow.
    func file(of key: Key) -> String {
        let name = Hex.encode(key)
        return "\(path)/\(name.prefix(2))/\(name.dropFirst(2))"
    }

    /// Whether folder and name are those of a key: nothing else is ever removed.
    private static func isEntry(_ name: String) -> Bool {
        name.utf8.count == 2 * digestBytes && Hex.decode(name) != nil
    }

    private static func digest(_ key: Key, _ contents: Data) -> SHA256.Digest {
        var hash = SHA256()
        hash.update(data: key)
        hash.update(data: contents)
        return hash.finalize()
    }

    private static func makeFolder(_ path: String) throws(FileError) {
        guard mkdir(path, 0o700) != 0, !FlatFolder.isFolder(path) else { return }
        // Folders above it may be missing.
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw .system(path, doing: "make the folder") }
    }
}
