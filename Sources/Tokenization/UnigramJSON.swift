import Support

/// SentencePiece's pieces and their scores, as files have them.
struct UnigramParts {
    var vocabulary = PlainVocabulary()
    var scores: [Double] = []
    var unknownID: Int32 = 0
    var fallsBackToBytes = false
    var map: PrecompiledMap?

    /// Far more than any model has.
    static let mostPieces = 1 << 22

    /// Adds the next piece; of equal ones the last one counts.
    mutating func add(_ piece: [UInt8], _ score: Double, _ problem: (String) -> FileError) throws(FileError) {
        guard piece.count <= TokenizerFiles.mostTokenBytes else {
            throw problem("a piece of \(piece.count) bytes is too long")
        }
        guard score.isFinite else { throw problem("its score is \(score), must be a number; the file may be damaged") }
        if let conflict = vocabulary.add(piece, id: scores.count, replacing: true) {
            throw problem(VocabularyText.reason(conflict))
        }
        scores.append(score)
    }

    var model: UnigramModel {
        UnigramModel(
            vocabulary: vocabulary, scores: scores, unknownID: unknownID, fallsBackToBytes: fallsBackToBytes)
    }
}

/// `model` of `tokenizer.json` where it is SentencePiece's unigram model.
enum UnigramJSON {
    static func read(_ model: JSONValue, _ path: String) throws(FileError) -> UnigramParts {
        var parts = UnigramParts()
        guard let list = model["vocab"]?.array else {
            throw FileError(path, "model.vocab must be a list of pieces and their scores")
        }
        guard !list.isEmpty else { throw FileError(path, "model.vocab is empty; fetch the model again") }
        guard list.count <= UnigramParts.mostPieces else {
            throw FileError(path, "model.vocab has \(list.count) pieces, more than \(UnigramParts.mostPieces)")
        }
        for (number, entry) in list.enumerated() {
            func problem(_ what: String) -> FileError { FileError(path, "model.vocab, entry \(number + 1): \(what)") }
            guard let pair = entry.array, pair.count == 2, let piece = pair[0].bytes else {
                throw problem("must be a piece and its score")
            }
            switch pair[1] {
            case .integer(let score): try parts.add(piece, Double(score), problem)
            case .number(let score): try parts.add(piece, score, problem)
            default: throw problem("its score is \(pair[1].summary), must be a number")
            }
        }
        guard let unknown = model["unk_id"]?.integer, list.indices.contains(unknown) else {
            throw FileError(path, "model.unk_id must be the place of a piece, from 0 to \(list.count - 1)")
        }
        parts.unknownID = Int32(unknown)
        if let value = model["byte_fallback"], !value.isNull {
            guard let flag = value.bool else {
                throw FileError(path, "model.byte_fallback must be true, false or null")
            }
            parts.fallsBackToBytes = flag
        }
        return parts
    }
}
