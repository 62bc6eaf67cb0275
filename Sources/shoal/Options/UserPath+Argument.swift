import ArgumentParser
import Support

extension UserPath {
    /// Reads a path from the command line: the `transform` of every option and argument that is one.
    static func argument(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("it must be a path, and not empty") }
        do { return try expand(text) } catch { throw ValidationError(error.reason) }
    }
}
