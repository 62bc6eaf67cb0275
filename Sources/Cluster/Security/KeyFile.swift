import Collectives
import Foundation

/// Keys in files: 64 hexadecimal digits, with lines of comment that begin with `#`.
enum KeyFile {
    /// The key pair of a file that only its owner may read.
    ///
    /// - Throws: ``RunError`` that names the file and what is wrong with it.
    static func readPair(_ path: String) throws(RunError) -> CurveKeyPair {
        var info = stat()
        guard stat(path, &info) == 0 else {
            throw .failed("\(path) cannot be read (\(systemText(errno))); make keys with shoal keygen")
        }
        guard info.st_uid == geteuid() || info.st_uid == 0 else {
            throw .failed("\(path) belongs to another user, who knows it then; make a new one with shoal keygen")
        }
        guard info.st_mode & 0o077 == 0 else {
            let mode = String(info.st_mode & 0o777, radix: 8)
            throw .failed("\(path) can be used by others (mode \(mode)); if nobody has read it: chmod 600 \(path)")
        }
        guard let pair = CurveKeyPair(secretHexadecimal: try only(path)) else {
            throw .failed("\(path) holds no key of 64 hexadecimal digits; make keys with shoal keygen")
        }
        return pair
    }

    /// The public key of a file.
    static func readPublic(_ path: String) throws(RunError) -> CurvePublicKey {
        guard let key = CurvePublicKey(hexadecimal: try only(path)) else {
            throw .failed("\(path) holds no key of 64 hexadecimal digits; make keys with shoal keygen")
        }
        return key
    }

    /// The lines of a file that are no comments, with their numbers from 1.
    static func lines(_ path: String) throws(RunError) -> [(number: Int, text: String)] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            // 10,000 lines and more; a file without an end is none of ours.
            let data = try handle.read(upToCount: 1 << 20) ?? Data()
            return String(decoding: data, as: UTF8.self)
                .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .map { ($0 + 1, $1.trimmingCharacters(in: .whitespaces)) }
                .filter { !$0.1.isEmpty && !$0.1.hasPrefix("#") }
        } catch {
            throw .failed("\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    private static func only(_ path: String) throws(RunError) -> String {
        let lines = try lines(path)
        return lines.count == 1 ? lines[0].text : ""
    }

    private static func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }
}
