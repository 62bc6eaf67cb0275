import Foundation
import Support

/// `coordinator.json` in a run directory: what a coordinator that is started again must know of the one before.
struct CoordinatorFile: Codable, Checked, Sendable {
    /// The file's name.
    static let name = "coordinator.json"

    /// Names the run over all its coordinators. Workers that know it are taken for its own.
    var runID: String
    /// The coordinators that the run has had, this one included.
    var starts: Int
    /// Where workers connect to.
    var endpoint: String
    /// Whether the coordinator starts workers itself.
    var isLocal: Bool
    /// See ``Fingerprint``.
    var fingerprint: [String: String]
    /// The run directory's real path when this was written, and its inode: a copy of the directory is another run. Nil
    /// in files of older versions.
    var path: String?
    /// See ``path``.
    var inode: UInt64?

    private enum CodingKeys: String, CodingKey {
        case starts, endpoint, fingerprint, path, inode
        case runID = "run_id"
        case isLocal = "local"
    }

    /// The file in `directory`; nil if there is none.
    static func read(_ directory: String) throws -> CoordinatorFile? {
        do {
            return try CheckedFile.read(CoordinatorFile.self, directory + "/" + name)
        } catch {
            throw RunError.failed("\(error); remove it to go on without the workers that live still")
        }
    }

    func check() throws(ValueProblem) {
        // The numbers of generations are made of it.
        try ValueProblem.check("starts", starts, in: 0...CheckedFile.maxCount)
        try ValueProblem.check("run_id", runID, limit: 128)
        try ValueProblem.check("endpoint", endpoint, limit: 1024)
        for (key, value) in fingerprint { try ValueProblem.check("fingerprint.\(key)", value, limit: 128) }
    }

    /// Who knows the run's id may take part: no other user is to read it.
    static let mode: mode_t = 0o600

    func json() throws -> Data {
        try StableJSON.document(self)
    }

    func write(to directory: String) throws {
        try DurableFile.write(try json(), to: directory + "/" + Self.name, mode: Self.mode)
    }

    /// Whether it was written by a coordinator of the run in this very folder, not of one that the folder is a copy of.
    func isOf(_ identity: (path: String, inode: UInt64)?) -> Bool {
        guard let path, let inode, let identity else { return true }
        return path == identity.path && inode == identity.inode
    }

    /// A new run's id.
    static func newRunID() -> String {
        Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255) })
    }
}
