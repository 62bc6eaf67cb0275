import Foundation
import Support
import Testing

/// A folder that is gone when its owner is.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("support-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ text: String, _ name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    func names(_ folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file(folder)).sorted()
    }
}

/// The description of the error that `body` must throw.
func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("no error", sourceLocation: location)
        return ""
    } catch let error as FileError {
        return error.description
    } catch {
        Issue.record("\(error) is no FileError", sourceLocation: location)
        return ""
    }
}
