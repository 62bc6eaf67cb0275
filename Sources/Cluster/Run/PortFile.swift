import Foundation
import Support

/// A file with the port that a coordinator listens at, for scripts: digits and a newline.
enum PortFile {
    /// The port of a `tcp://` endpoint; nil of others.
    static func port(of endpoint: String) -> Int? {
        guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else { return nil }
        return Int(endpoint[endpoint.index(after: colon)...])
    }

    /// Writes the port of `endpoint`, at which the coordinator listens already. A file that is there is replaced at
    /// once: readers see the old one or the whole new one.
    ///
    /// - Throws: ``ConfigurationError`` if the endpoint has no port, ``FileError`` if the file cannot be written.
    static func write(_ endpoint: String, to path: String) throws {
        guard let port = port(of: endpoint) else {
            throw ConfigurationError.unused(
                "port-file",
                reason: "needs a --bind of tcp://, and \(endpoint.printable(limit: 200)) has no port; leave it out")
        }
        try DurableFile.write(Data("\(port)\n".utf8), to: path, isFlushed: false)
    }
}
