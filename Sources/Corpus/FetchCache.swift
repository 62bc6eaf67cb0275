import Foundation
import Support

/// The folder in which fetched models and data are kept, and what is computed of them.
public struct FetchCache: Sendable {
    /// The folder.
    public let path: String

    /// A cache in that folder, which is made when needed.
    public init(path: String) { self.path = path }

    /// `$SHOAL_CACHE`, or `shoal` in the XDG cache folder.
    public init(environment: [String: String]) {
        func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = given("SHOAL_CACHE") {
            self.path = path
        } else if let xdg = given("XDG_CACHE_HOME") {
            path = "\(xdg)/shoal"
        } else {
            path = "\(given("HOME") ?? NSHomeDirectory())/.cache/shoal"
        }
    }

    /// Where an entry is, or will be.
    public func folder(of entry: FetchEntry) -> String {
        "\(path)/\(entry.isModel ? "models" : "data")/\(entry.name)"
    }

    /// The folder of a model that may be given by its name in the catalogue: a path of that name wins.
    ///
    /// - Parameter model: A path, or a name.
    /// - Returns: `model` itself where that is no name of the catalogue.
    /// - Throws: An error that says how to fetch the model, or that the name is that of data.
    public func modelFolder(_ model: String) throws(FileError) -> String {
        guard !FileManager.default.fileExists(atPath: model),
            let entry = DatasetCatalog.entries.first(where: { $0.name.lowercased() == model.lowercased() })
        else { return model }
        guard entry.isModel else {
            throw FileError(entry.name, "is a data set, not a model; `shoal fetch` lists the models")
        }
        guard has(entry, orOlder: true) else {
            throw FileError(entry.name, "is not there yet; bring it with: shoal fetch \(entry.name)")
        }
        return folder(of: entry)
    }

    /// Where embeddings are kept from run to run.
    public var embeddingFolder: String { "\(path)/embeddings" }

    /// Where an archive is kept.
    func file(of archive: PackageArchive) -> String { "\(path)/archives/\(archive.file)" }

    /// What says that a folder is whole: the archive's hash, how it was converted, and the size of each file.
    private struct Manifest: Codable, Equatable {
        var archive: String
        var conversion: Int
        var files: [String: Int]
    }

    /// To be raised when ``SourceTables`` makes other files of the same archives: what is there is then made anew.
    private static let conversion = 2

    private static let manifestName = "fetched.json"

    /// Whether an entry is there, whole, and from the same archive.
    ///
    /// - Parameter orOlder: Whether a model folder counts, too, that an earlier version has made with fewer files: all
    ///   that are there are as now.
    public func has(_ entry: FetchEntry, orOlder: Bool = false) -> Bool {
        let folder = folder(of: entry)
        guard let data = try? RegularFile.read("\(folder)/\(Self.manifestName)", limit: 1 << 20),
            let manifest = try? JSONDecoder().decode(Manifest.self, from: data),
            manifest.archive == entry.fingerprint, !manifest.files.isEmpty,
            manifest.conversion == Self.conversion,
            orOlder || entry.modelFiles.allSatisfy({ manifest.files[$0] != nil })
        else { return false }
        return manifest.files.allSatisfy { FlatFolder.isOwnFile($0) && Self.size("\(folder)/\($0)") == $1 }
    }

    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Puts an entry in place as a whole: built in a folder beside it, flushed to the disk, renamed.
    func install(_ entry: FetchEntry, build: (_ folder: String) async throws -> Void) async throws {
        let place = folder(of: entry)
        try Self.makeFolder(parentFolder(of: place))
        // A torn one has to go; a whole one that another process puts there meanwhile is as good as ours.
        if !has(entry, orOlder: true) { FlatFolder.remove(place) }
        try await AtomicDirectory.create(place, replacing: Self.manifestName, keepsExisting: { has(entry) }) { folder in
            try await build(folder)
            var files: [String: Int] = [:]
            for name in try AtomicDirectory.names(in: folder) {
                guard FlatFolder.isFolder("\(folder)/\(name)") else {
                    files[name] = Self.size("\(folder)/\(name)")
                    continue
                }
                for inner in try AtomicDirectory.names(in: "\(folder)/\(name)") {
                    files["\(name)/\(inner)"] = Self.size("\(folder)/\(name)/\(inner)")
                }
            }
            let manifest = try JSONEncoder().encode(
                Manifest(archive: entry.fingerprint, conversion: Self.conversion, files: files))
            try Self.write(manifest, to: "\(folder)/\(Self.manifestName)")
        }
    }

    /// Removes what an interrupted fetch has left beside `place`: temporary files and folders that were not written to
    /// for an hour. Hosts may share the folder, so that the writer's process number says nothing.
    static func removeLeftovers(beside place: String) {
        let folder = (place as NSString).deletingLastPathComponent
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where PartialName.writer(of: name) != nil {
            var status = stat()
            guard stat("\(folder)/\(name)", &status) == 0, time(nil) - status.st_mtim.tv_sec > 3600 else { continue }
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    static func makeFolder(_ path: String) throws(FileError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError(path, "cannot make the folder; set SHOAL_CACHE to one that can be written")
        }
    }

    static func write(_ data: Data, to path: String) throws(FileError) {
        do { try data.write(to: URL(fileURLWithPath: path)) } catch {
            let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            let isFull =
                (error as? CocoaError)?.code == .fileWriteOutOfSpace || reason?.code == Int(ENOSPC)
                || reason?.code == Int(EDQUOT)
            let folder = (path as NSString).deletingLastPathComponent
            if isFull || DiskSpace.free(folder) == 0 { throw DiskSpace.fullError(folder) }
            throw FileError(path, "cannot write it: \(error.localizedDescription)")
        }
    }
}
