import Foundation
import Subprocess

/// The programs that do the downloading and unpacking: curl, unzip and tar.
struct ExternalTools: Sendable {
    /// The environment in which they run; `PATH` says where they are found, the usual variables name proxies.
    private let environment: Environment

    init(environment: [String: String]) {
        var overrides: [Environment.Key: String?] = [:]
        for (name, value) in environment { if let key = Environment.Key(rawValue: name) { overrides[key] = value } }
        self.environment = .inherit.updating(overrides)
    }

    /// Runs a program that must succeed; its standard output.
    private func run(
        _ tool: String, _ arguments: [String], limit: Int = 1 << 20, failure: (String) -> CorpusError
    ) async throws -> Data {
        do {
            let result = try await Subprocess.run(
                .name(tool), arguments: Arguments(arguments), environment: environment, output: .data(limit: limit),
                error: .string(limit: 1 << 16))
            try Task.checkCancellation()
            guard result.terminationStatus.isSuccess else {
                let said = result.standardError.split(whereSeparator: \.isNewline).last.map { String($0) }
                throw failure(said ?? "\(tool) ended with \(result.terminationStatus)")
            }
            return result.standardOutput
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            if error.code == .executableNotFound {
                throw CorpusError(tool, "this program is needed to fetch; install it, as with apt-get install \(tool)")
            }
            throw failure("\(error)")
        }
    }

    /// The contents of a page.
    func get(_ address: String, accept: String) async throws -> Data {
        try await run(
            "curl", Self.common + ["--max-time", "60", "-H", "Accept: \(accept)", "--url", address], limit: 64 << 20
        ) {
            CorpusError(
                withoutPassword(address), "cannot be reached (\($0)); check the network, or set PIP_INDEX_URL")
        }
    }

    /// Downloads a file of about `bytes` bytes; more than twice as much is refused.
    func download(_ address: String, to path: String, bytes: Int) async throws {
        let limits = ["--speed-limit", "1000", "--speed-time", "60", "--max-filesize", "\(2 * bytes)"]
        _ = try await run("curl", Self.common + limits + ["-o", path, "--url", address]) {
            CorpusError(withoutPassword(address), "the download failed (\($0)); try again")
        }
    }

    /// Fail on errors, say what they are, follow redirections, but never to a local file.
    private static let common = [
        "-fsSL", "--proto", "=http,https", "--retry", "2", "--connect-timeout", "20",
    ]

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

/// An address without what stands before an `@`: it may be a password, and belongs in no message.
func withoutPassword(_ address: String) -> String {
    guard let scheme = address.range(of: "://") else { return address }
    let rest = address[scheme.upperBound...]
    let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard let at = host.lastIndex(of: "@") else { return address }
    return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
}
