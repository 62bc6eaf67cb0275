import Foundation
import Subprocess
import Support

/// The programs that do the downloading and unpacking: curl, unzip and tar.
struct ExternalTools: Sendable {
    /// The environment in which they run; `PATH` says where they are found, the usual variables name proxies.
    private let environment: Environment

    init(environment: [String: String]) {
        var overrides: [Environment.Key: String?] = [:]
        for (name, value) in environment { if let key = Environment.Key(rawValue: name) { overrides[key] = value } }
        self.environment = .inherit.updating(overrides)
    }

    /// Runs a program that must succeed, with `input` on its standard input; its standard output.
    ///
    /// - Parameter writesTo: The file or folder that it writes: where the disk is full, that is what is said.
    private func run(
        _ tool: String, _ arguments: [String], input: String = "", limit: Int = 1 << 20, writesTo place: String? = nil,
        failure: (String) -> FileError
    ) async throws -> Data {
        do {
            let result = try await Subprocess.run(
                .name(tool), arguments: Arguments(arguments), environment: environment, input: .string(input),
                output: .data(limit: limit), error: .string(limit: 1 << 16))
            try Task.checkCancellation()
            guard result.terminationStatus.isSuccess else {
                let said = result.standardError.split(whereSeparator: \.isNewline).last.map { String($0) }
                var code: Int32 = 0
                if case .exited(let exit) = result.terminationStatus { code = exit }
                if let place, DiskSpace.isWriteError(tool: tool, code: code, said: result.standardError) {
                    throw DiskSpace.writeError(place, said: said)
                }
                throw failure(said ?? "\(tool) ended with \(result.terminationStatus)")
            }
            return result.standardOutput
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            if error.code == .executableNotFound {
                throw FileError(tool, "this program is needed to fetch; install it, as with apt-get install \(tool)")
            }
            throw failure("\(error)")
        }
    }

    /// The contents of a page.
    func get(_ address: String, accept: String) async throws -> Data {
        try await run(
            "curl", Self.common + ["--max-time", "60", "-H", "Accept: \(accept)"],
            input: try Self.configuration(address),
            limit: 64 << 20
        ) {
            FileError(
                withoutPassword(address),
                "cannot be reached (\(withoutPassword(of: address, in: $0))); check the network, or set PIP_INDEX_URL")
        }
    }

    /// Downloads a file of about `bytes` bytes; more than twice as much is refused.
    func download(_ address: String, to path: String, bytes: Int) async throws {
        let limits = ["--speed-limit", "1000", "--speed-time", "60", "--max-filesize", "\(2 * bytes)"]
        _ = try await run(
            "curl", Self.common + limits + ["-o", path], input: try Self.configuration(address), writesTo: path
        ) {
            FileError(
                withoutPassword(address), "the download failed (\(withoutPassword(of: address, in: $0))); try again")
        }
    }

    /// Fail on errors, say what they are, follow redirections, but never to a local file; the address is read from
    /// standard input.
    private static let common = [
        "-fsSL", "--proto", "=http,https", "--retry", "2", "--connect-timeout", "20", "-K", "-",
    ]

    /// curl's configuration with the address, which may hold a password: all users of a machine can read command lines.
    private static func configuration(_ address: String) throws(FileError) -> String {
        guard !address.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw FileError(withoutPassword(address), "no address; set PIP_INDEX_URL to that of a package index")
        }
        return "url = \"\(address.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\"\n"
    }

    /// Unpacks one member of a zip file into `folder`, without its path; where it is then.
    @discardableResult
    func unzip(_ archive: String, member: String, to folder: String) async throws -> String {
        _ = try await run("unzip", ["-q", "-o", "-j", archive, member, "-d", folder], writesTo: folder) {
            FileError(archive, "cannot unpack \(member) (\($0)); remove the archive and fetch again")
        }
        return "\(folder)/\((member as NSString).lastPathComponent)"
    }

    /// Unpacks one member of a compressed tar file into `folder`, without its path; where it is then.
    func untar(_ archive: String, member: String, to folder: String) async throws -> String {
        let depth = member.split(separator: "/").count - 1
        _ = try await run(
            "tar", ["-xzf", archive, "-C", folder, "--no-same-owner", "--strip-components=\(depth)", member],
            writesTo: folder
        ) { FileError(archive, "cannot unpack \(member) (\($0)); remove the archive and fetch again") }
        return "\(folder)/\((member as NSString).lastPathComponent)"
    }
}

/// An address without what stands before an `@`: it may be a password, and belongs in no message.
func withoutPassword(_ address: String) -> String {
    guard let scheme = address.range(of: "://") else { return address }
    let rest = address[scheme.upperBound...]
    let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if let at = host.lastIndex(of: "@") {
        return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
    // A password with a slash in it that is not written as %2F: no host has a port that is no number.
    let port = host.split(separator: ":", omittingEmptySubsequences: false).dropFirst().last ?? ""
    guard !port.allSatisfy(\.isNumber), !host.hasPrefix("["), let at = rest.lastIndex(of: "@") else { return address }
    return String(address[..<scheme.upperBound] + rest[rest.index(after: at)...])
}

/// What a program said of an address, without the password in it.
func withoutPassword(of address: String, in text: String) -> String {
    let shown = withoutPassword(address)
    var text = text.replacing(address, with: shown)
    // The user and the password by themselves, too, as they are written and as they are meant.
    guard let scheme = address.range(of: "://"), shown != address else { return text }
    let secrets = address[scheme.upperBound...].dropLast(shown[scheme.upperBound...].count + 1)
    let parts = [String(secrets)] + secrets.split(separator: ":", maxSplits: 1).dropFirst().map { String($0) }
    for part in parts where !part.isEmpty {
        text = text.replacing(part, with: "…")
        if let meant = part.removingPercentEncoding, meant.count > 1 { text = text.replacing(meant, with: "…") }
    }
    return text
}
