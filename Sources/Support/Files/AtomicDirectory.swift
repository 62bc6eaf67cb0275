import Foundation

/// Builds a folder under a temporary name beside its place, and puts it in place by one rename: no reader ever sees a
/// part of it, even if the machine loses power, and a failure leaves nothing.
public enum AtomicDirectory {
    /// Creates `path` with what `build` writes into the folder that it is given.
    ///
    /// A process that is killed meanwhile leaves the temporary folder, named `.NAME.partial-…`: see `removeLeftovers`.
    ///
    /// - Parameters:
    ///   - path: Must not exist, or be an empty folder; the folders above it are made.
    ///   - replacing: Whether it may also be a folder that is not empty, if it holds nothing but files, among them one
    ///     of the name `replacing`: what else is there was not made here, and is refused. The old one stays until the
    ///     new one is whole; power lost between the two renames that swap them leaves both, under temporary names.
    /// - Throws: An error that names the path and the system's reason, or what `build` throws.
    public static func create(
        _ path: String, replacing: String? = nil, _ build: (_ temporary: String) throws -> Void
    ) throws {
        let draft = try Draft(path, replacing: replacing)
        do {
            try build(draft.temporary)
            try draft.commit { false }
        } catch { throw draft.discard(error) }
    }

    /// As ``create(_:replacing:_:)-(_,_,(String)->Void)``, for a `build` that waits.
    ///
    /// - Parameter keepsExisting: Asked where a folder is there already when the new one is whole: true leaves that one
    ///   in place, as made by another process meanwhile.
    public static func create(
        _ path: String, replacing: String? = nil, keepsExisting: () -> Bool,
        _ build: (_ temporary: String) async throws -> Void
    ) async throws {
        let draft = try Draft(path, replacing: replacing)
        do {
            try await build(draft.temporary)
            try draft.commit(keepsExisting: keepsExisting)
        } catch { throw draft.discard(error) }
    }

    /// A folder that is being built under a temporary name.
    private struct Draft {
        let path, temporary, parent: String
        let isReplacing: Bool

        init(_ given: String, replacing: String?) throws(FileError) {
            let given = withoutTrailingSlash(given)
            path = try resolved(given)
            isReplacing = replacing != nil
            if let replacing { try requireReplaceable(given, replacing) } else { try requireFree(path) }
            parent = parentFolder(of: path)
            try makeFolders(parent)
            temporary = temporarySibling(of: path)
            guard mkdir(temporary, 0o755) == 0 else { throw .system(path, doing: "make the folder") }
        }

        func commit(keepsExisting: () -> Bool) throws(FileError) {
            try flushTree(temporary)
            try put(temporary, at: path, replacing: isReplacing, keepsExisting: keepsExisting)
            try DurableFile.flushFolder(parent)
        }

        /// Removes what is built so far.
        ///
        /// - Returns: `error`, for the path where the folder was to be.
        func discard(_ error: any Error) -> any Error {
            FlatFolder.remove(temporary)
            return (error as? FileError)?.moved(from: temporary, to: path) ?? error
        }
    }

    private static let notEmpty = "the folder is not empty; choose another one, or remove it first"

    /// Fails unless a new folder can be put at `path`: also a check for the start of a long run.
    public static func requireFree(_ path: String) throws(FileError) {
        switch try PathKind(path) {
        case .nothing: return
        case .file: throw FileError(path, "there is a file where a folder is wanted")
        case .folder: if try !names(in: path).isEmpty { throw FileError(path, notEmpty) }
        }
    }

    /// Fails unless what is at `path` is nothing, an empty folder, or a folder of files of which one is called `mark`.
    static func requireReplaceable(_ path: String, _ mark: String) throws(FileError) {
        switch try PathKind(path) {
        case .nothing: return
        case .file: break
        case .folder: if try names(in: path).isEmpty { return }
        }
        guard FlatFolder.isFolder(path) else {
            throw FileError(path, "a link or a file where a folder is to be written; remove it")
        }
        if let other = FlatFolder.subfolder(of: path) {
            throw FileError(
                joinedPath(path, other), "this folder was not made by shoal and would be lost; move it away")
        }
        guard try names(in: path).contains(mark) else {
            throw FileError(
                path, "holds files, but no \(mark): shoal did not make it, and it would be lost; move it away")
        }
    }

    /// Makes a folder and those above it, where they are missing.
    public static func makeFolders(_ path: String) throws(FileError) {
        switch try PathKind(path) {
        case .folder: return
        case .file: throw FileError(path, "there is a file where a folder is wanted")
        case .nothing: break
        }
        let parent = parentFolder(of: path)
        // A link that leads nowhere is its own end.
        if parent != path, parent != "." { try makeFolders(parent) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .system(path, doing: "make the folder") }
        try DurableFile.flushFolder(parent)
    }

    /// Removes the temporary files and folders that killed writers left in a folder: those with names as we make them,
    /// of processes that are gone. Only for who knows that no writer is at work there.
    public static func removeLeftovers(in folder: String) throws(FileError) {
        for name in try names(in: folder) where PartialName.isLeftover(name) {
            // One that holds folders, which we do not make, stays.
            FlatFolder.remove(joinedPath(folder, name))
        }
    }

    /// Removes a folder with the files in it, so that no reader ever sees a part of it under its name. One that holds
    /// folders is none of ours, and stays.
    public static func removeWhole(_ path: String) throws(FileError) {
        guard FlatFolder.isFolder(path), FlatFolder.subfolder(of: path) == nil else {
            throw FileError(path, "is a link, or holds a folder, and is not removed; move it away")
        }
        let doomed = temporarySibling(of: path)
        guard rename(path, doomed) == 0 else { throw .system(path, doing: "remove the folder") }
        // Before its files go: else power lost meanwhile could bring back the name without them.
        try DurableFile.flushFolder(parentFolder(of: path))
        try remove(doomed)
    }

    /// The names in a folder, hidden ones too, sorted.
    public static func names(in folder: String) throws(FileError) -> [String] {
        guard let names = FlatFolder.names(in: folder) else { throw .system(folder, doing: "list the folder") }
        return names.sorted(by: precedesInUTF8)
    }

    /// A link to a folder cannot be renamed over; the folder itself can.
    private static func resolved(_ path: String) throws(FileError) -> String {
        guard try PathKind(path) == .folder, let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func put(
        _ temporary: String, at path: String, replacing: Bool, keepsExisting: () -> Bool
    ) throws(FileError) {
        // Linux renames a folder over an empty one, but not over a full one.
        if rename(temporary, path) == 0 { return }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw .system(path, doing: "put the folder in place") }
        if keepsExisting() { return try remove(temporary) }
        guard replacing else { throw FileError(path, notEmpty) }
        let old = temporarySibling(of: path)
        guard rename(path, old) == 0 else { throw .system(path, doing: "replace the folder") }
        guard rename(temporary, path) == 0 else {
            let error = FileError.system(path, doing: "replace the folder")
            _ = rename(old, path)
            throw error
        }
        try remove(old)
    }

    /// Flushes all that lies in a folder: `build` may have used other means than ours.
    private static func flushTree(_ folder: String) throws(FileError) {
        for name in try names(in: folder) {
            let path = joinedPath(folder, name)
            if try PathKind(path) == .folder {
                try flushTree(path)
            } else {
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw .system(path, doing: "open it") }
                defer { close(descriptor) }
                guard fsync(descriptor) == 0 else { throw .system(path, doing: "flush it to the disk") }
            }
        }
        try DurableFile.flushFolder(folder)
    }

    private static func remove(_ path: String) throws(FileError) {
        guard FlatFolder.remove(path) else { throw .system(path, doing: "remove it") }
    }
}
