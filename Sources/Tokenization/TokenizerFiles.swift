import Foundation
import Support

/// Reads the tokenizer files of a Hugging Face model folder.
enum TokenizerFiles {
    /// The most bytes that a tokenizer file may have; the largest real ones are some 20 MB.
    private static let mostBytes = 128 << 20
    /// The most bytes of the files of settings beside it.
    private static let mostSettingsBytes = 16 << 20
    /// The most bytes of a token: far above any real one, low enough to cost nothing.
    static let mostTokenBytes = 64 << 10

    static func load(_ folder: String) throws(FileError) -> TokenizerDescription {
        let json = folder + "/tokenizer.json"
        let text = folder + "/vocab.txt"
        if let bytes = try read(json) {
            return try checked(
                try TokenizerJSON.read(bytes, path: json, settings: try TokenizerSettings(folder: folder)), json)
        }
        if let bytes = try read(text) {
            return try checked(
                try VocabularyText.read(bytes, path: text, settings: try TokenizerSettings(folder: folder)), text)
        }
        let advice = ModelFolderAdvice.advice(for: folder) ?? "give a Hugging Face BERT model folder"
        throw FileError(folder, "has neither tokenizer.json nor vocab.txt; \(advice)")
    }

    /// Calls `add` with the tokens and the ids of a vocabulary that is an object.
    ///
    /// - Parameter add: Returns why a token cannot be added; nil where it was.
    /// - Throws: An error that names the file, and the line and the token that cannot be used.
    static func forEachToken(
        of entries: [JSONObject.Member], _ path: String,
        _ add: (_ token: [UInt8], _ id: Int) -> WordPieceVocabulary.Conflict?
    ) throws(FileError) {
        guard !entries.isEmpty else { throw FileError(path, "the vocabulary is empty; fetch the model again") }
        for entry in entries {
            guard entry.key.utf8.count <= mostTokenBytes else {
                throw FileError(path, line: entry.line, "a token of \(entry.key.utf8.count) bytes is too long")
            }
            let name = "\"\(entry.key.printable(limit: 60))\""
            guard let id = entry.value.integer else {
                throw FileError(path, line: entry.line, "the id of token \(name) is no integer")
            }
            if let conflict = add(entry.keyBytes, id) {
                throw FileError(
                    path, line: entry.line, "token \(name) with id \(id): \(VocabularyText.reason(conflict))")
            }
        }
    }

    /// Makes sure that no two added tokens become one when they are normalized: which of them would be found then is
    /// chance in the `tokenizers` library.
    static func checked(
        _ description: TokenizerDescription, _ path: String
    ) throws(FileError) -> TokenizerDescription {
        let sought = description.addedTokens.filter(\.normalized)
        guard sought.count > 1 else { return description }
        let normalizer = Normalizer(description.options)
        try checkDifferent(sought, path) { token in token.withUnsafeBufferPointer { normalizer.normalize($0) } }
        return description
    }

    /// As `checked`, for tokens that are sought in normalized text.
    static func checkDifferent(
        _ sought: [AddedTokens.Token], _ path: String, normalize: ([UInt8]) -> [UInt8]
    ) throws(FileError) {
        var seen: [[UInt8]: [UInt8]] = [:]
        for token in sought {
            let content = normalize(token.content)
            guard !content.isEmpty, let other = seen.updateValue(token.content, forKey: content) else { continue }
            let names = [other, token.content].map {
                "\"\(String(decoding: $0, as: UTF8.self).printable(limit: 60))\""
            }
            throw FileError(
                path, "its added tokens \(names[0]) and \(names[1]) are the same when normalized; remove one of them")
        }
    }

    /// The value in the bytes of a JSON file; a byte order mark is passed over.
    static func parse(
        _ bytes: [UInt8], path: String, rounding: NumberRounding = .nearest
    ) throws(FileError) -> JSONValue {
        guard isValidUTF8(bytes) else { throw FileError(path, "is not UTF-8; save it again as UTF-8 JSON") }
        let mark = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let parsed = bytes.withUnsafeBytes { bytes -> Result<JSONValue, JSONError> in
            Result { () throws(JSONError) in
                try JSONValue(
                    parsing: UnsafeRawBufferPointer(rebasing: bytes[mark...]), repeatedKeys: .kept,
                    rounding: rounding)
            }
        }
        do { return try parsed.get() } catch {
            throw FileError(
                path, line: error.line,
                "not valid JSON: \(error.problem); the file may be damaged, fetch or save it again")
        }
    }

    /// The object in a JSON file; nil if there is no such file.
    static func object(_ path: String) throws(FileError) -> JSONValue? {
        guard let bytes = try read(path, limit: mostSettingsBytes) else { return nil }
        let root = try TokenizerFiles.parse(bytes, path: path)
        guard root.members != nil else { throw FileError(path, "holds no JSON object") }
        return root
    }

    /// The bytes of a file; nil if there is none.
    ///
    /// - Throws: where it is no regular file, has more than `limit` bytes, or is something else than its name says.
    static func read(_ path: String, limit: Int = mostBytes) throws(FileError) -> [UInt8]? {
        let bytes: [UInt8]?
        do throws(RegularFile.Problem) {
            bytes = try RegularFile.readIfPresent(path, limit: limit).map { [UInt8]($0) }
        } catch {
            throw FileError(path, error.reason)
        }
        guard let bytes else { return nil }
        if let advice = ForeignContent.advice(bytes) { throw FileError(path, advice) }
        return bytes
    }
}
