import Foundation
import Support
import Testing

@testable import Corpus

/// A folder for one test, gone when the test is.
final class Scratch {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "/shoal-corpus-\(UUID().uuidString)"
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            Issue.record(error, "cannot make \(path)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file of bytes; its path.
    func file(_ name: String, _ bytes: [UInt8]) -> String {
        let place = "\(path)/\(name)"
        #expect(FileManager.default.createFile(atPath: place, contents: Data(bytes)), "cannot write \(place)")
        return place
    }

    /// Writes a file of text; its path.
    func file(_ name: String, _ text: String) -> String { file(name, Array(text.utf8)) }

    /// The labels and texts of a file of this content.
    func rows(_ name: String, _ text: String) throws -> [[String]] {
        let data = try DatasetReader.read(file(name, text))
        return data.examples.map { [data.labels[Int($0.classNumber ?? -1)], $0.text] }
    }

    /// The error that reading a file of this content gives; nil if there is none.
    func failure(_ name: String, _ text: String, _ options: DatasetReader.Options = .init()) -> FileError? {
        failure(of: file(name, text), options)
    }

    /// The error that reading a file gives; nil if there is none.
    func failure(of path: String, _ options: DatasetReader.Options = .init()) -> FileError? {
        do throws(FileError) {
            _ = try DatasetReader.read(path, options: options)
            return nil
        } catch {
            #expect(error.path == path)
            #expect(!error.description.contains("\n"))
            return error
        }
    }
}
