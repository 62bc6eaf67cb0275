import Foundation
import Support

/// `normalizer` of `tokenizer.json`, for tokenizers of byte pairs and pieces.
enum NormalizerJSON {
    private static let mostSteps = 64

    static func read(_ value: JSONValue?, _ path: String) throws(FileError) -> TextNormalizer {
        var normalizer = TextNormalizer()
        if let value, !value.isNull { try add(value, to: &normalizer, path) }
        return normalizer
    }

    private static func add(_ value: JSONValue, to out: inout TextNormalizer, _ path: String) throws(FileError) {
        let type = value["type"]?.string ?? ""
        func problem(_ what: String) -> FileError {
            FileError(path, "normalizer of the type \(type.printable(limit: 60)): \(what)")
        }
        func flag(_ key: String) throws(FileError) -> Bool? {
            guard let found = value[key], !found.isNull else { return nil }
            guard let flag = found.bool else { throw problem("\"\(key)\" must be true, false or null") }
            return flag
        }
        func text(_ key: String) throws(FileError) -> [UInt8] {
            guard let bytes = value[key]?.bytes else { throw problem("has no string \"\(key)\"") }
            return bytes
        }
        guard out.steps.count < mostSteps else {
            throw FileError(path, "normalizer has more than \(mostSteps) steps")
        }
        if let form = UnicodeNormalizationForm(rawValue: type) {
            out.steps.append(.form(form))
            return
        }
        switch type {
        case "Sequence":
            guard let list = value["normalizers"]?.array else { throw problem("has no list \"normalizers\"") }
            for part in list { try add(part, to: &out, path) }
        case "Precompiled": out.steps.append(.precompiled(try map(value, path)))
        case "Lowercase": out.steps.append(.lowercase)
        case "StripAccents": out.steps.append(.stripAccents)
        case "Nmt": out.steps.append(.nmt)
        case "Strip":
            out.steps.append(.strip(left: try flag("strip_left") ?? true, right: try flag("strip_right") ?? true))
        case "Prepend": out.steps.append(.prepend(try text("prepend")))
        case "BertNormalizer":
            let options = NormalizerOptions(
                cleanText: try flag("clean_text") ?? true,
                handleChineseCharacters: try flag("handle_chinese_chars") ?? true,
                stripAccents: try flag("strip_accents"), lowercase: try flag("lowercase") ?? true)
            out.steps.append(.bert(Normalizer(options)))
        case "Replace":
            let content = try text("content")
            if let pattern = value["pattern"]?["String"]?.bytes {
                guard !pattern.isEmpty else { throw problem("its pattern is empty") }
                out.steps.append(.replace(pattern: pattern, least: 1, isGreedy: false, content: content))
            } else if value["pattern"]?["Regex"]?.string == " {2,}" {
                out.steps.append(.replace(pattern: [0x20], least: 2, isGreedy: true, content: content))
            } else {
                let shown = value["pattern"]?["Regex"]?.string.map { "\"\($0.printable(limit: 80))\"" } ?? "none"
                throw problem("its pattern is \(shown); a String or the Regex \" {2,}\" can be used")
            }
        default:
            throw FileError(
                path,
                "has the normalizer \(TokenizerJSON.named(value)), which cannot be used; take another model, or save the "
                    + "tokenizer without it")
        }
    }

    /// The map of a `Precompiled` normalizer.
    private static func map(_ value: JSONValue, _ path: String) throws(FileError) -> PrecompiledMap {
        guard let text = value["precompiled_charsmap"]?.string, let data = Data(base64Encoded: text),
            let map = PrecompiledMap([UInt8](data))
        else { throw FileError(path, "precompiled_charsmap is damaged; fetch or save the file again") }
        return map
    }
}
