import Foundation

/// `coordinator.json` in a run directory: what a coordinator that is started again must know of the one before.
struct CoordinatorFile: Codable, Sendable {
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

    private enum CodingKeys: String, CodingKey {
        case starts, endpoint, fingerprint
        case runID = "run_id"
        case isLocal = "local"
    }

    /// The file in `directory`; nil if there is none.
    static func read(_ directory: String) throws -> CoordinatorFile? {
        let path = directory + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return try JSONDecoder().decode(CoordinatorFile.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw RunError.failed("\(path) cannot be read; remove it to go on without the workers that live still")
        }
    }

    func write(to directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Who knows the run's id may take part: nobody else is to read it.
        try DurableFile.write(
            try encoder.encode(self) + Data("\n".utf8), to: directory + "/" + Self.name, mode: 0o600)
    }

    /// A new run's id.
    static func newRunID() -> String {
        (0..<16).map { _ in
            let byte = UInt8.random(in: 0...255)
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
