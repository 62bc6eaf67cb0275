import Foundation
import Subprocess

/// The programs that do the downloading and unpacking: curl, unzip and tar.
struct ExternalTools: Sendable {
    /// Runs a program that must succeed; its standard output.
    private func run(
        _ tool: String, _ arguments: [String], limit: Int = 1 << 20, failure: (String) -> CorpusError
    ) async throws -> Data {
        do {
            let result = try await Subprocess.run(
                .name(tool), arguments: Arguments(arguments), output: .data(limit: limit),
                error: .string(limit: 1 << 16))
            guard result.terminationStatus.isSuccess else {
                let said = (result.standardError ?? "").split(separator: "\n").last.map { String($0) } ?? ""
                throw failure(said.isEmpty ? "\(tool) ended with \(result.terminationStatus)" : said)
            }
            return result.standardOutput
        } catch let error as SubprocessError {
            if error.code == .executableNotFound {
                throw CorpusError(tool, "this program is needed to fetch; install it, as with apt-get install \(tool)")
            }
            throw failure("\(error)")
        }
    }

    /// The contents of a page.
    func get(_ address: String, accept: String) async throws -> Data {
        try await run(
            "curl", ["-fsSL", "--retry", "2", "--max-time", "60", "-H", "Accept: \(accept)", address], limit: 64 << 20
        ) { CorpusError(address, "cannot be reached (\($0)); check the network, or set PIP_INDEX_URL") }
    }

    /// Downloads a file of about `bytes` bytes; more than twice as much is refused.
    func download(_ address: String, to path: String, bytes: Int) async throws {
        _ = try await run(
            "curl",
            [
                "-fsSL", "--retry", "2", "--speed-limit", "1000", "--speed-time", "60", "--max-filesize",
                "\(2 * bytes)",
                "-o", path, address,
            ]
        ) { CorpusError(address, "the download failed (\($0)); try again") }
    }

    /// Unpacks one member of a zip file into `folder`, without its path; where it is then.
    @discardableResult
    func unzip(_ archive: String, member: String, to folder: String) async throws -> String {
        _ = try await run("unzip", ["-q", "-o", "-j", archive, member, "-d", folder]) {
            CorpusError(archive, "cannot unpack \(member) (\($0)); remove the archive and fetch again")
        }
        return "\(folder)/\((member as NSString).lastPathComponent)"
    }

    /// Unpacks one member of a compressed tar file into `folder`, without its path; where it is then.
    func untar(_ archive: String, member: String, to folder: String) async throws -> String {
        let depth = member.split(separator: "/").count - 1
        _ = try await run(
            "tar", ["-xzf", archive, "-C", folder, "--no-same-owner", "--strip-components=\(depth)", member]
        ) { CorpusError(archive, "cannot unpack \(member) (\($0)); remove the archive and fetch again") }
        return "\(folder)/\((member as NSString).lastPathComponent)"
    }
}
