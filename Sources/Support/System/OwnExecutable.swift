import Foundation

/// The file of this program.
public enum OwnExecutable {
    /// Its path; the link itself where the file was replaced since.
    public static var path: String {
        let link = "/proc/self/exe"
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link),
            FileManager.default.isExecutableFile(atPath: path)
        else { return link }
        return path
    }
}
