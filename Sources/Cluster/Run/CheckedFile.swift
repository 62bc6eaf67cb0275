import Foundation
import Support

/// A value from a file, or a peer, that is not what it must be.
struct ValueProblem: Error, CustomStringConvertible {
    /// The key, with the keys that it lies under: `workers.0.pid`.
    var key: String
    /// What is there, as text.
    var value: String
    /// What it must be.
    var need: String

    var description: String { "\"\(key.printable(limit: 80))\" is \(value.printable(limit: 60)), but must be \(need)" }
}

/// A type whose every value is checked where it is read, once: nothing that uses it later can overflow or be NaN.
protocol Checked: Decodable {
    /// Throws for the first value that cannot be used.
    func check() throws(ValueProblem)
}

/// Reads small JSON files of a run directory, which anyone may have edited.
enum CheckedFile {
    /// The greatest number of steps, epochs and the like that any file may hold: a billion, as options may have.
    static let maxCount = 1_000_000_000
    /// The latest time in seconds since 1970, or the longest duration: some 30,000 years.
    static let maxSeconds = 1e12

    /// The contents of the file; nil if there is none.
    ///
    /// - Throws: ``RunError`` that names the file, the key, and what is wrong.
    static func read<T: Checked>(_ type: T.Type, _ path: String, limit: Int = 1 << 20) throws(RunError) -> T? {
        let data: Data
        do throws(RegularFile.Problem) {
            guard let found = try RegularFile.readIfPresent(path, limit: limit) else { return nil }
            data = found
        } catch { throw .failed(error.description) }
        do {
            return try decode(type, from: data)
        } catch {
            throw .failed("\(path.printable(limit: 400)) is damaged: \(error)")
        }
    }

    /// The value of a JSON text, checked; an error says which key is wrong.
    static func decode<T: Checked>(_ type: T.Type, from data: Data) throws -> T {
        let value: T
        do { value = try JSONDecoder().decode(type, from: data) } catch { throw reason(error) }
        try value.check()
        return value
    }

    /// Foundation's account of a mismatch in a few words.
    private static func reason(_ error: any Error) -> any Error {
        func place(_ keys: [any CodingKey]) -> String {
            "\""
                + keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".").printable(
                    limit: 80)
                + "\""
        }
        return switch error {
        case DecodingError.keyNotFound(let key, let context):
            RunError.failed("\(place(context.codingPath + [key])) is missing")
        case DecodingError.valueNotFound(_, let context): RunError.failed("\(place(context.codingPath)) is null")
        case DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context):
            RunError.failed(
                context.codingPath.isEmpty
                    ? "it is not the JSON object that it should be"
                    : "\(place(context.codingPath)) has a value of the wrong kind or size")
        default: RunError.failed("it cannot be read as JSON")
        }
    }
}

/// Checks of single values.
extension ValueProblem {
    static func check(_ key: String, _ value: Int, in range: ClosedRange<Int>) throws(ValueProblem) {
        guard range.contains(value) else {
            throw ValueProblem(key: key, value: "\(value)", need: "\(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// Refuses NaN and infinities too.
    static func check(_ key: String, _ value: Double?, in range: ClosedRange<Double>) throws(ValueProblem) {
        guard let value else { return }
        guard range.contains(value) else {
            throw ValueProblem(key: key, value: "\(value)", need: "\(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func check(_ key: String, _ value: String, limit: Int) throws(ValueProblem) {
        guard value.utf8.count <= limit else {
            throw ValueProblem(key: key, value: value, need: "at most \(limit) bytes long")
        }
    }
}
