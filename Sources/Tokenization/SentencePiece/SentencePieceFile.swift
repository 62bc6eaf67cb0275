import Support
import SwiftProtobuf

/// The model file of SentencePiece: its pieces, their scores, and the normalizer's map.
struct SentencePieceFile {
    typealias Piece = PBSentencePieceModel.Piece

    /// Types of pieces that are found in a text before any word is.
    enum PieceType {
        static let control: Int32 = 3
        static let userDefined: Int32 = 4
    }

    /// Names of the file in a model folder.
    static let names = ["sentencepiece.bpe.model", "spiece.model"]
    /// The most bytes of a file: three times the largest real ones, for pieces take more room in memory than there.
    static let mostBytes = 16 << 20

    let pieces: [Piece]
    /// Nil where the text is taken as it is.
    let map: PrecompiledMap?

    init(_ bytes: [UInt8], path: String) throws(FileError) {
        let model: PBSentencePieceModel
        do {
            model = try PBSentencePieceModel(serializedBytes: bytes)
        } catch {
            throw FileError(path, "is no SentencePiece model, or is damaged or cut off; fetch the model again")
        }
        guard !model.pieces.isEmpty else { throw FileError(path, "has no pieces; is it a SentencePiece model?") }
        guard model.pieces.count <= UnigramParts.mostPieces else {
            throw FileError(path, "has \(model.pieces.count) pieces, more than \(UnigramParts.mostPieces)")
        }
        guard model.trainerSpec.modelType == 1 else {
            let names: [Int32: String] = [2: "byte pairs", 3: "words", 4: "characters"]
            let name = names[model.trainerSpec.modelType] ?? "the unknown type \(model.trainerSpec.modelType)"
            throw FileError(
                path, "holds a model of \(name), not SentencePiece's unigram model; take another model")
        }
        for (number, piece) in model.pieces.enumerated() where !(1...6).contains(piece.type) {
            throw FileError(path, "piece \(number): its type \(piece.type) is not known; the file may be damaged")
        }
        pieces = model.pieces
        let blob = model.normalizerSpec.precompiledCharsmap
        if blob.isEmpty {
            map = nil
        } else {
            guard let found = PrecompiledMap([UInt8](blob)) else {
                throw FileError(path, "precompiled_charsmap is damaged; fetch the model again")
            }
            map = found
        }
    }

    /// The tokens that are found in a text before any word is: control and user-defined pieces.
    func addedTokens(_ path: String) throws(FileError) -> [MentionedToken] {
        var tokens: [MentionedToken] = []
        for piece in pieces where piece.type == PieceType.control || piece.type == PieceType.userDefined {
            tokens.append(
                try MentionedToken(
                    .string(piece.piece), isSpecial: true, path: path, place: "a control or user-defined piece"))
        }
        return tokens
    }
}
