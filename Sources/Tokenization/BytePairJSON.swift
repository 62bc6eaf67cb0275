import Support

/// The parts of a model of byte pairs, as files have them.
struct BytePairParts {
    var vocabulary = PlainVocabulary()
    var merges = MergeTable(capacity: 0)
    var unknownID: Int32?
    var fusesUnknown = false
    var fallsBackToBytes = false
    var ignoresMerges = false

    /// Far more than any model has.
    static let mostMerges = 1 << 22

    /// The merge of two tokens, which must be in the vocabulary, as what they make together must.
    ///
    /// - Parameter problem: Makes the error from what is wrong.
    mutating func add(
        _ left: [UInt8], _ right: [UInt8], rank: Int, _ problem: (String) -> FileError
    ) throws(FileError) {
        func id(_ token: [UInt8]) throws(FileError) -> Int32 {
            if let id = vocabulary.id(token) { return id }
            let name = String(decoding: token, as: UTF8.self).printable(limit: 60)
            throw problem("token \"\(name)\" is not in the vocabulary; do the files belong together?")
        }
        let merge = MergeTable.Merge(rank: Int32(truncatingIfNeeded: rank), id: try id(left + right))
        merges.add(try id(left), try id(right), merge)
    }

    /// The model, with words of bytes or of characters.
    func model(isByteLevel: Bool) -> BytePairModel {
        BytePairModel(
            vocabulary: vocabulary, merges: merges, isByteLevel: isByteLevel, unknownID: unknownID,
            fusesUnknown: fusesUnknown, fallsBackToBytes: fallsBackToBytes, ignoresMerges: ignoresMerges)
    }
}

/// `model` of `tokenizer.json` where it is one of byte pairs.
enum BytePairJSON {
    static func read(_ model: JSONValue, _ path: String) throws(FileError) -> BytePairParts {
        var parts = BytePairParts()
        func flag(_ key: String) throws(FileError) -> Bool {
            guard let value = model[key], !value.isNull else { return false }
            guard let flag = value.bool else { throw FileError(path, "model.\(key) must be true, false or null") }
            return flag
        }
        parts.fusesUnknown = try flag("fuse_unk")
        parts.fallsBackToBytes = try flag("byte_fallback")
        parts.ignoresMerges = try flag("ignore_merges")
        switch model["dropout"] {
        case nil, .null, .integer(0), .number(0): break
        case .some(let value):
            throw FileError(
                path, "model.dropout is \(value.summary): ids would be drawn at random; set it to null")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard let value = model[key], !value.isNull, value.string != "" else { continue }
            throw FileError(path, "model.\(key) is \(value.summary), which cannot be used")
        }
        guard let entries = model["vocab"]?.members else {
            throw FileError(path, "model.vocab must be an object of tokens and their ids")
        }
        parts.vocabulary = try vocabulary(entries, path)
        if let name = model["unk_token"], !name.isNull {
            guard let id = name.bytes.flatMap({ parts.vocabulary.id($0) }) else {
                throw FileError(path, "model.unk_token is \(name.summary), which is not a token of the vocabulary")
            }
            parts.unknownID = id
        }
        guard let list = model["merges"]?.array else { throw FileError(path, "model.merges must be a list") }
        guard list.count <= BytePairParts.mostMerges else {
            throw FileError(path, "model.merges has \(list.count) entries, more than \(BytePairParts.mostMerges)")
        }
        parts.merges = MergeTable(capacity: list.count)
        var rank = 0
        for (number, entry) in list.enumerated() {
            func problem(_ what: String) -> FileError { FileError(path, "model.merges, entry \(number + 1): \(what)") }
            let pair: [[UInt8]]
            if let text = entry.bytes {
                // As in the old format, whose first line is this.
                if text.starts(with: "#version".utf8) { continue }
                pair = text.split(separator: 0x20, omittingEmptySubsequences: false).map { Array($0) }
            } else {
                pair = entry.array?.compactMap(\.bytes) ?? []
            }
            guard pair.count == 2, entry.array.map({ $0.count == 2 }) ?? true else {
                throw problem("must be two tokens")
            }
            try parts.add(pair[0], pair[1], rank: rank, problem)
            rank += 1
        }
        return parts
    }

    /// A vocabulary that is an object of tokens and ids.
    static func vocabulary(_ entries: [JSONObject.Member], _ path: String) throws(FileError) -> PlainVocabulary {
        var vocabulary = PlainVocabulary()
        try TokenizerFiles.forEachToken(of: entries, path) { vocabulary.add($0, id: $1) }
        return vocabulary
    }
}
