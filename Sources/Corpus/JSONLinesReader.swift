import Foundation
import Support

/// Reads JSON Lines: an object a line, whose values may be texts, numbers and truth values. Blank lines are skipped.
enum JSONLinesReader {
    /// Calls `body` with the records of a file. Guessed keys are those of the first object.
    static func read(
        _ file: TextFile, options: DatasetReader.Options, _ body: (DatasetReader.Record) throws(FileError) -> Void
    ) throws(FileError) -> DatasetColumns? {
        let decoder = JSONDecoder()
        var columns: DatasetColumns?
        var names: [String] = []
        var unused: UnusedTexts?
        try file.forEachLine(limit: options.recordLimit) { line, range throws(FileError) in
            guard !isBlank(file.bytes[range]) else { return }
            let object = try object(file, line, range, decoder)
            let keys: DatasetColumns
            if let columns {
                keys = columns
            } else {
                names = object.keys.sorted()
                keys = try options.columns.resolve(
                    names, needsLabel: options.requiresLabels, path: file.path, line: line)
                columns = keys
                unused = UnusedTexts(names, used: keys)
            }
            func value(_ key: String) throws(FileError) -> String {
                guard let field = object[key] else {
                    throw FileError(
                        file.path, line: line,
                        "the key \(quoted(key)) is missing; there are \(listed(object.keys.sorted()))")
                }
                guard let text = field.text else {
                    throw FileError(
                        file.path, line: line,
                        "the value of \(quoted(key)) is \(field.kind); give a text, a number, true or false")
                }
                guard !text.utf8.contains(0) else {
                    throw FileError(
                        file.path, line: line, "the value of \(quoted(key)) holds a NUL (\\u0000); remove it")
                }
                return text
            }
            try body(
                DatasetReader.Record(
                    line: line, text: try value(keys.text),
                    pair: try keys.textPair.map { key throws(FileError) in try value(key) },
                    label: try keys.label.map { key throws(FileError) in try value(key) }))
            try unused?.add { i throws(FileError) in object[names[i]]?.text }
        }
        columns?.unusedTexts = unused?.found ?? []
        return columns
    }

    private static func isBlank(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        bytes.allSatisfy { $0 == 32 || $0 == 9 || $0 == 13 }
    }

    private static func object(
        _ file: TextFile, _ line: Int, _ range: Range<Int>, _ decoder: JSONDecoder
    ) throws(FileError) -> [String: JSONField] {
        // The decoder says little about bad UTF-8.
        _ = try file.text(range)
        do {
            let object = try decoder.decode(
                [String: JSONField].self, from: Data(UnsafeRawBufferPointer(rebasing: file.bytes[range])))
            // The decoder passes over a comma too many, and over a key that comes twice.
            if let problem = JSONDiagnosis.problem(in: UnsafeRawBufferPointer(rebasing: file.bytes[range])) {
                throw FileError(file.path, line: line, "at column \(problem.column): \(problem.reason)")
            }
            return object
        } catch let error as FileError {
            throw error
        } catch {
            if file.bytes[range].first(where: { $0 != 32 && $0 != 9 }) == UInt8(ascii: "[") {
                throw FileError(
                    file.path, line: line,
                    "a JSON array; JSON Lines has one object on each line, convert it, as with jq -c '.[]'")
            }
            if line == 1, file.bytes[range].allSatisfy({ $0 == 32 || $0 == 9 || $0 == 123 }) {
                throw FileError(
                    file.path, line: line,
                    "the object goes on on the next line; JSON Lines has one on each line, convert it, as with jq -c .")
            }
            let problem = JSONDiagnosis.problem(in: UnsafeRawBufferPointer(rebasing: file.bytes[range]))
            if let problem {
                throw FileError(
                    file.path, line: line, "not a JSON object, at column \(problem.column): \(problem.reason)")
            }
            throw FileError(
                file.path, line: line,
                "not a JSON object\(detail(error)); JSON Lines has one on each line, as {\"text\": \"…\", \"label\": \"…\"}"
            )
        }
    }

    /// What the decoder found, where it says more than that something is wrong.
    private static func detail(_ error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error,
            let text = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
        else { return "" }
        return " (\(text.replacingOccurrences(of: " around line 1,", with: " at").trimmingCharacters(in: [".", " "])))"
    }
}

/// A value of a JSON line.
private struct JSONField: Decodable {
    /// It as a text; nil for null, arrays and objects.
    let text: String?
    /// What it is if it is no text.
    let kind: String

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let isNull = value.decodeNil()
        kind = isNull ? "null" : "an array or an object"
        if isNull {
            text = nil
            return
        }
        do {
            text = try value.decode(String.self)
            return
        } catch DecodingError.typeMismatch {}
        if let bool = try? value.decode(Bool.self) {
            text = bool ? "true" : "false"
        } else if let integer = try? value.decode(Int.self) {
            text = String(integer)
        } else if let integer = try? value.decode(UInt64.self) {
            // As a Double it would be rounded, and different labels would become one.
            text = String(integer)
        } else if let number = try? value.decode(Double.self) {
            text = "\(number)"
        } else {
            text = nil
        }
    }
}
