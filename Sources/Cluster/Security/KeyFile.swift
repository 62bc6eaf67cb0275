import Collectives
import Foundation
import Support

/// Keys in files: 64 hexadecimal digits, with lines of comment that begin with `#`.
enum KeyFile {
    /// The key pair of a file that only its owner may read.
    ///
    /// - Throws: ``RunError`` that names the file and what is wrong with it.
    static func readPair(_ path: String) throws(RunError) -> CurveKeyPair {
        let file = try Contents(path)
        guard file.info.st_uid == geteuid() || file.info.st_uid == 0 else {
            throw .failed(
                "\(path) belongs to another user, who knows it then; make a new one with \(CommandName.current) keygen")
        }
        // A file of root's may be readable for one group, as Kubernetes makes those of a Secret.
        let mayBeShared = file.info.st_uid == 0 && geteuid() != 0
        guard file.info.st_mode & (mayBeShared ? 0o037 : 0o077) == 0 else {
            let mode = String(file.info.st_mode & 0o777, radix: 8)
            throw .failed(
                "\(path) can be used by others (mode \(mode)); if no other user has read it: chmod 600 \(path)")
        }
        guard let pair = CurveKeyPair(secretHexadecimal: file.only) else {
            throw .failed("\(path) holds no key of 64 hexadecimal digits; make keys with \(CommandName.current) keygen")
        }
        return pair
    }

    /// The public key of a file that no other user may change.
    static func readPublic(_ path: String) throws(RunError) -> CurvePublicKey {
        let file = try Contents(path)
        try file.checkNobodyElseWrites()
        guard let key = CurvePublicKey(hexadecimal: file.only) else {
            throw .failed("\(path) holds no key of 64 hexadecimal digits; make keys with \(CommandName.current) keygen")
        }
        return key
    }

    /// The lines of a list that no other user may change, without comments; with their numbers from 1.
    static func lines(_ path: String) throws(RunError) -> [(number: Int, text: String)] {
        let file = try Contents(path)
        try file.checkNobodyElseWrites()
        return file.lines
    }

    /// A file and what the system knows of it, taken at one time.
    private struct Contents {
        let path: String
        let info: stat
        let lines: [(number: Int, text: String)]

        /// More than 10,000 keys; a file without an end is none of ours.
        private static let maxBytes = 1 << 20

        init(_ path: String) throws(RunError) {
            self.path = path
            // Not to wait for a process that writes to a pipe.
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else {
                let reason = String(cString: strerror(errno))
                throw .failed("\(path) cannot be read (\(reason)); make keys with \(CommandName.current) keygen")
            }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            var info = stat()
            guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
                throw .failed("\(path) is no file; make keys with \(CommandName.current) keygen")
            }
            self.info = info
            guard info.st_size <= Self.maxBytes, let data = try? handle.read(upToCount: Self.maxBytes) ?? Data() else {
                throw .failed("\(path) has \(info.st_size) bytes, or cannot be read; it is no file of keys")
            }
            lines = String(decoding: data, as: UTF8.self)
                .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .map { ($0 + 1, $1.trimmingCharacters(in: .whitespaces)) }
                .filter { !$0.1.isEmpty && !$0.1.hasPrefix("#") }
        }

        /// The only line; empty if there is another number of them.
        var only: String { lines.count == 1 ? lines[0].text : "" }

        func checkNobodyElseWrites() throws(RunError) {
            guard info.st_mode & 0o022 == 0, info.st_uid == geteuid() || info.st_uid == 0 else {
                throw .failed(
                    "\(path) can be changed by others, who could let themselves in; if they have not: chmod 644 \(path), "
                        + "and it must be yours")
            }
        }
    }

    /// Throws if others may put other files into a folder of keys.
    static func checkFolder(_ path: String) throws(RunError) {
        var info = stat()
        guard stat(path, &info) == 0 else {
            throw .failed(
                "--keys \(path) cannot be read (\(String(cString: strerror(errno)))); make keys with "
                    + "\(CommandName.current) keygen")
        }
        guard info.st_mode & S_IFMT == S_IFDIR else {
            throw .failed("--keys \(path) is no folder; give the one that \(CommandName.current) keygen has made")
        }
        // In a sticky folder, no user can replace another user's files.
        guard info.st_mode & 0o022 == 0 || info.st_mode & 0o1000 != 0 else {
            throw .failed("others can put keys into \(path); if they have not: chmod 700 \(path)")
        }
    }
}
