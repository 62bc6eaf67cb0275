import Support

/// `vocab.json` and `merges.txt`, as GPT-2 and RoBERTa have them.
enum BytePairText {
    static func read(_ folder: String) throws(FileError) -> BytePairParts? {
        let vocabularyPath = folder + "/vocab.json"
        let mergesPath = folder + "/merges.txt"
        guard let bytes = try TokenizerFiles.read(vocabularyPath) else { return nil }
        guard let merges = try TokenizerFiles.read(mergesPath) else {
            throw FileError(folder, "has vocab.json, but no merges.txt; fetch the model again")
        }
        var parts = BytePairParts()
        guard let entries = try TokenizerFiles.parse(bytes, path: vocabularyPath).members else {
            throw FileError(vocabularyPath, "holds no JSON object of tokens and their ids")
        }
        parts.vocabulary = try BytePairJSON.vocabulary(entries, vocabularyPath)
        try readMerges(merges, mergesPath, &parts)
        return parts
    }

    private static func readMerges(
        _ bytes: [UInt8], _ path: String, _ parts: inout BytePairParts
    ) throws(FileError) {
        guard isValidUTF8(bytes) else { throw FileError(path, "is not UTF-8; fetch the model again") }
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count <= BytePairParts.mostMerges else {
            throw FileError(path, "has \(lines.count) lines, more than \(BytePairParts.mostMerges)")
        }
        parts.merges = MergeTable(capacity: lines.count)
        var rank = 0
        for (number, text) in lines.enumerated() {
            let line = text.last == 0x0D ? text.dropLast() : text
            if line.starts(with: "#version".utf8) { continue }
            let pair = line.split(separator: 0x20, omittingEmptySubsequences: false)
            guard pair.count == 2 else {
                throw FileError(path, line: number + 1, "must be two tokens with a space between")
            }
            try parts.add(Array(pair[0]), Array(pair[1]), rank: rank) { FileError(path, line: number + 1, $0) }
            rank += 1
        }
    }
}
