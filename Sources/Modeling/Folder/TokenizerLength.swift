import Foundation
import Support

/// The most tokens of a text, in the files of a tokenizer: so that a model folder says itself how long texts were in
/// training.
///
/// `transformers` reads `model_max_length` of `tokenizer_config.json`, the `tokenizers` library `truncation` of
/// `tokenizer.json`.
public enum TokenizerLength {
    private static let configurationFile = "tokenizer_config.json"
    private static let tokenizerFile = "tokenizer.json"
    private static let key = "model_max_length"
    /// Above any real length; `transformers` writes 10^30 where none is known.
    private static let longest = 1 << 24

    /// The `model_max_length` of a folder; nil where it says none, or one that means none.
    ///
    /// - Throws: An error that names the file, if it cannot be read.
    public static func read(folder: String) throws(FileError) -> Int? {
        let path = joinedPath(folder, configurationFile)
        guard try PathKind(path) == .file else { return nil }
        switch try members(of: path)[key] {
        case nil, .null: return nil
        case .integer(let length) where length >= 1: return length <= longest ? length : nil
        case .number(let length) where length > Double(longest): return nil
        case .some(let found):
            throw FileError(path, "\(key) is \(found.summary), must be a whole number above 0")
        }
    }

    /// Puts a length into the tokenizer's files of a folder, and leaves everything else in them byte by byte.
    static func write(_ length: Int, to folder: String) throws(FileError) {
        let configuration = joinedPath(folder, configurationFile)
        if try PathKind(configuration) == .file {
            let data = try spliced(configuration) { scanner throws(JSONError) in
                try JSONSplice.setting(key, to: "\(length)", in: &scanner)
            }
            try DurableFile.write(data, to: configuration)
        } else {
            try DurableFile.write(Data("{\n  \"\(key)\": \(length)\n}\n".utf8), to: configuration)
        }
        let tokenizer = joinedPath(folder, tokenizerFile)
        guard try PathKind(tokenizer) == .file else { return }
        let direction = try isLeft(folder) ? "Left" : "Right"
        let truncation = """
            {"direction": "\(direction)", "max_length": \(length), "strategy": "LongestFirst", "stride": 0}
            """
        let data = try spliced(tokenizer) { scanner throws(JSONError) in
            try JSONSplice.setting("truncation", to: truncation, in: &scanner)
        }
        try DurableFile.write(data, to: tokenizer)
    }

    /// Whether texts lose their beginning: `truncation_side`, or else the direction that `tokenizer.json` has.
    private static func isLeft(_ folder: String) throws(FileError) -> Bool {
        let side = try members(of: joinedPath(folder, configurationFile))["truncation_side"]
        if case .string(let side) = side { return side == "left" }
        let path = joinedPath(folder, tokenizerFile)
        var isLeft = false
        _ = try spliced(path) { scanner throws(JSONError) in
            try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
                guard key == "truncation" else { return try JSONSplice.skipValue(&scanner) }
                if case .object(let members) = try JSONValue(reading: &scanner) {
                    isLeft = members["direction"] == .string("Left")
                }
            }
            return []
        }
        return isLeft
    }

    private static func members(of path: String) throws(FileError) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        _ = try spliced(path) { scanner throws(JSONError) in
            try scanner.object { (scanner: inout JSONScanner, key: String) throws(JSONError) in
                // As with other readers of JSON, the last of equal keys counts.
                members[key] = try JSONValue(reading: &scanner)
            }
            return []
        }
        return members
    }

    /// Reads a file and calls `change` with a scanner at its beginning.
    private static func spliced(
        _ path: String, _ change: (inout JSONScanner) throws(JSONError) -> [UInt8]
    ) throws(FileError) -> Data {
        let file = try MappedFile(path: path)
        do throws(JSONError) {
            return try file.withBytes { bytes throws(JSONError) in
                let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
                var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(hasMark ? 3 : 0)))
                return Data(try change(&scanner))
            }
        } catch {
            throw FileError(path, "not valid JSON: \(error.reason)")
        }
    }
}
