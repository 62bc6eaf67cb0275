import Foundation
import Support

/// manifest.json: size and SHA-256 of every file of a folder, so that a torn or altered one is found and named.
public struct Manifest: Sendable, Codable, Equatable {
    /// What is known of one file.
    public struct Entry: Sendable, Codable, Equatable {
        /// Its size in bytes.
        public var bytes: Int
        /// The SHA-256 of its bytes, in lowercase hexadecimal digits.
        public var sha256: String
    }

    /// The file's own name in its folder.
    public static let fileName = "manifest.json"

    /// The version of the format: 1.
    public var version = 1
    /// The files by name; the manifest itself is not among them.
    public var files: [String: Entry] = [:]

    /// Takes the sums of all files in a folder.
    static func summing(_ folder: String) throws(FileError) -> Manifest {
        var manifest = Manifest()
        for name in try FlatFolder.ownFiles(in: folder) where name != fileName {
            let file = try MappedFile(path: joinedPath(folder, name))
            manifest.files[name] = Entry(bytes: file.count, sha256: file.withBytes { fileSHA256($0) })
        }
        return manifest
    }

    func write(to folder: String) throws(FileError) {
        try StateFile.write(self, to: joinedPath(folder, Self.fileName))
    }

    /// Reads the manifest of a folder.
    public init(folder: String) throws(FileError) {
        let path = joinedPath(folder, Self.fileName)
        self = try StateFile.read(Manifest.self, path)
        guard version == 1 else {
            throw FileError(path, "has version \(version); this program reads version 1")
        }
        if let (name, entry) = files.first(where: { $1.bytes < 0 }) {
            throw FileError(path, "\"files.\(quoted(name)).bytes\" is \(entry.bytes), a negative size")
        }
        if let name = files.keys.first(where: { !FlatFolder.isOwnFile($0) }) {
            throw FileError(path, "lists \(quoted(name)), which is no plain file name")
        }
    }

    init() {}

    /// Compares every file of a folder with its size and sum. Files that the manifest does not list are no matter.
    ///
    /// - Throws: `FileError` for the first file, by name, that is not as it was written.
    public func verify(_ folder: String) throws(FileError) {
        for name in files.keys.sorted(by: precedesInUTF8) {
            guard let entry = files[name] else { continue }
            let path = joinedPath(folder, name)
            guard try PathKind(path) != .nothing else { throw FileError(path, "damaged: the file is lost") }
            let file = try MappedFile(path: path)
            guard file.count == entry.bytes else {
                throw FileError(path, "damaged: has \(file.count) bytes, \(entry.bytes) were written")
            }
            guard file.withBytes({ fileSHA256($0) }) == entry.sha256 else {
                throw FileError(path, "damaged: its SHA-256 is not the one that was written")
            }
        }
    }
}

/// Small JSON files of our own.
enum StateFile {
    static func write(_ value: some Encodable, to path: String) throws(FileError) {
        let encoder = StableJSON.encoder(.prettyPrinted)
        // A schedule's "best loss so far" starts at infinity.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let data: Data
        do { data = try encoder.encode(value) } catch {
            throw FileError(path, "cannot be written as JSON: \(error)")
        }
        try DurableFile.write(data + Data("\n".utf8), to: path)
    }

    static func read<T: Decodable>(_ type: T.Type, _ path: String) throws(FileError) -> T {
        let file = try MappedFile(path: path)
        guard file.count <= 64 << 20 else { throw FileError(path, "damaged: is too large: \(file.count) bytes") }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // Our own parser first: it bounds the depth and refuses keys that come twice.
        do throws(JSONError) {
            _ = try file.withBytes { bytes throws(JSONError) in try JSONValue(parsing: bytes) }
        } catch {
            throw FileError(path, "damaged: not valid JSON: \(error.reason)")
        }
        do { return try decoder.decode(type, from: file.withBytes { Data($0) }) } catch {
            throw FileError(path, why(error))
        }
    }

    /// Foundation's account of a mismatch in one line.
    private static func why(_ error: any Error) -> String {
        func place(_ keys: [any CodingKey]) -> String { quoted(keys.map(\.stringValue).joined(separator: ".")) }
        return switch error {
        case DecodingError.keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
        case DecodingError.valueNotFound(_, let context): "\(place(context.codingPath)) is null"
        case DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context):
            "\(place(context.codingPath)) has a value of the wrong kind"
        default: "cannot be read"
        }
    }
}
