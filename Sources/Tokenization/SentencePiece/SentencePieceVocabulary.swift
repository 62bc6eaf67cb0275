import Support

/// The ids of SentencePiece's pieces in models that came from fairseq, as the conversion of `transformers` gives them:
/// some special tokens of their own come first, and the masking token last.
enum SentencePieceVocabulary {
    static func parts(
        _ file: SentencePieceFile, _ settings: TokenizerSettings, _ path: String
    ) throws(FileError) -> UnigramParts {
        let isCamembert = settings.tokenizerClass == .camembert
        // Its own special pieces are left out: XLM-RoBERTa's three, CamemBERT's unknown piece.
        let passed = isCamembert ? 1 : 3
        guard file.pieces.count >= passed else {
            throw FileError(path, "has only \(file.pieces.count) pieces; fetch the model again")
        }
        // Anything else in their places would be lost, and all that follows have other ids than in training.
        let missing = Set(isCamembert ? ["<unk>"] : ["<unk>", "<s>", "</s>"])
            .subtracting(file.pieces.prefix(passed).map(\.piece))
        if let piece = missing.sorted().first {
            throw FileError(
                path,
                "its first \(plural(passed, "piece")) must be "
                    + (isCamembert ? "<unk>" : "<unk>, <s> and </s>")
                    + ", but \(piece) is not there: it is not a model for "
                    + "\(settings.tokenizerClass.name); take another model, or one with tokenizer.json")
        }
        func name(_ role: String) -> [UInt8] { settings.name(role)?.content ?? [] }
        let first: [([UInt8], Double)] =
            isCamembert
            ? [
                (Array("<s>NOTUSED".utf8), 0), (name("pad_token"), 0), (Array("</s>NOTUSED".utf8), 0),
                (name("unk_token"), 0), (Array("<unk>NOTUSED".utf8), -100),
            ] : ["bos_token", "pad_token", "eos_token", "unk_token"].map { (name($0), 0) }
        var parts = UnigramParts()
        for (token, score) in first { try parts.add(token, score) { FileError(path, $0) } }
        for (number, piece) in file.pieces.enumerated().dropFirst(passed) {
            try parts.add(Array(piece.piece.utf8), Double(piece.score)) { FileError(path, "piece \(number): \($0)") }
        }
        try parts.add(name("mask_token"), 0) { FileError(path, $0) }
        parts.unknownID = 3
        parts.map = file.map
        return parts
    }
}
