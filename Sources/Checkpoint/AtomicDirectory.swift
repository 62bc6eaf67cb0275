import Foundation
import Support

/// Builds a folder under a temporary name beside its place, and puts it in place by one rename: nobody ever sees a part
/// of it, even if the machine loses power, and a failure leaves nothing.
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
        let given = withoutTrailingSlash(path)
        let path = try resolved(given)
        if let replacing { try requireReplaceable(given, replacing) } else { try requireFree(path) }
        let parent = parentFolder(of: path)
        try makeFolders(parent)
        let temporary = temporarySibling(of: path)
        guard mkdir(temporary, 0o755) == 0 else { throw CheckpointError.system(path, doing: "make the folder") }
        do {
            try build(temporary)
            try flushTree(temporary)
            try put(temporary, at: path, replacing: replacing != nil)
        } catch {
            FlatFolder.remove(temporary)
            throw (error as? CheckpointError)?.moved(from: temporary, to: path) ?? error
        }
        try FileWriter.flushFolder(parent)
    }

    /// Fails unless a new folder can be put at `path`: also a check for the start of a long run.
    public static func requireFree(_ path: String) throws(CheckpointError) {
        switch try PathKind(path) {
        case .nothing: return
        case .file: throw .inputOutput(path: path, reason: "there is a file where a folder is wanted")
        case .folder: if try !names(in: path).isEmpty { throw .notEmpty(path: path) }
        }
    }

    /// Fails unless what is at `path` is nothing, an empty folder, or a folder of files of which one is called `mark`.
    static func requireReplaceable(_ path: String, _ mark: String) throws(CheckpointError) {
        switch try PathKind(path) {
        case .nothing: return
        case .file: break
        case .folder: if try names(in: path).isEmpty { return }
        }
        guard FlatFolder.isFolder(path) else {
            throw .inputOutput(path: path, reason: "a link or a file where a folder is to be written; remove it")
        }
        if let other = FlatFolder.subfolder(of: path) {
            throw .inputOutput(
                path: joined(path, other), reason: "this folder was not made by shoal and would be lost; move it away")
        }
        guard try names(in: path).contains(mark) else {
            throw .inputOutput(
                path: path,
                reason: "holds files, but no \(mark): shoal did not make it, and it would be lost; move it away")
        }
    }

    /// Makes a folder and those above it, where they are missing.
    public static func makeFolders(_ path: String) throws(CheckpointError) {
        switch try PathKind(path) {
        case .folder: return
        case .file: throw .inputOutput(path: path, reason: "there is a file where a folder is wanted")
        case .nothing: break
        }
        let parent = parentFolder(of: path)
        // A link that leads nowhere is its own end.
        if parent != path, parent != "." { try makeFolders(parent) }
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .system(path, doing: "make the folder") }
        try FileWriter.flushFolder(parent)
    }

    /// Removes the temporary files and folders that killed writers left in a folder: those with names as we make them,
    /// of processes that are gone. Only for who knows that no writer is at work there.
    public static func removeLeftovers(in folder: String) throws(CheckpointError) {
        for name in try names(in: folder) where PartialName.isLeftover(name) {
            // One that holds folders, which we do not make, stays.
            FlatFolder.remove(joined(folder, name))
        }
    }

    /// Removes a folder with the files in it, so that nobody ever sees a part of it under its name. One that holds
    /// folders is none of ours, and stays.
    static func removeWhole(_ path: String) throws(CheckpointError) {
        guard FlatFolder.isFolder(path), FlatFolder.subfolder(of: path) == nil else {
            throw .inputOutput(path: path, reason: "is a link, or holds a folder, and is not removed; move it away")
        }
        let doomed = temporarySibling(of: path)
        guard rename(path, doomed) == 0 else { throw .system(path, doing: "remove the folder") }
        // Before its files go: else power lost meanwhile could bring back the name without them.
        try FileWriter.flushFolder(parentFolder(of: path))
        try remove(doomed)
    }

    /// The names in a folder, hidden ones too, sorted.
    static func names(in folder: String) throws(CheckpointError) -> [String] {
        guard let names = FlatFolder.names(in: folder) else { throw .system(folder, doing: "list the folder") }
        return names.sorted(by: precedesInUTF8)
    }

    /// A link to a folder cannot be renamed over; the folder itself can.
    private static func resolved(_ path: String) throws(CheckpointError) -> String {
        guard try PathKind(path) == .folder, let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func put(_ temporary: String, at path: String, replacing: Bool) throws(CheckpointError) {
        // Linux renames a folder over an empty one, but not over a full one.
        if rename(temporary, path) == 0 { return }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw .system(path, doing: "put the folder in place") }
        guard replacing else { throw .notEmpty(path: path) }
        let old = temporarySibling(of: path)
        guard rename(path, old) == 0 else { throw .system(path, doing: "replace the folder") }
        guard rename(temporary, path) == 0 else {
            let error = CheckpointError.system(path, doing: "replace the folder")
            _ = rename(old, path)
            throw error
        }
        try remove(old)
    }

    /// Flushes all that lies in a folder: `build` may have used other means than ours.
    private static func flushTree(_ folder: String) throws(CheckpointError) {
        for name in try names(in: folder) {
            let path = joined(folder, name)
            if try PathKind(path) == .folder {
                try flushTree(path)
            } else {
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw .system(path, doing: "open it") }
                defer { close(descriptor) }
                guard fsync(descriptor) == 0 else { throw .system(path, doing: "flush it to the disk") }
            }
        }
        try FileWriter.flushFolder(folder)
    }

    private static func remove(_ path: String) throws(CheckpointError) {
        guard FlatFolder.remove(path) else { throw .system(path, doing: "remove it") }
    }
}
