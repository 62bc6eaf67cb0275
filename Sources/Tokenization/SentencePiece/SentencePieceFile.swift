import Support

/// The model file of SentencePiece: a protobuf message, of which pieces, scores and the normalizer's map are read.
struct SentencePieceFile {
    struct Piece {
        var text: [UInt8]
        var score: Float
        /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
        var kind: Int
    }

    private(set) var pieces: [Piece] = []
    /// 1 is the unigram model.
    private(set) var modelType = 1
    private(set) var fallsBackToBytes = false
    private(set) var map: [UInt8] = []

    init(_ bytes: [UInt8], path: String) throws(FileError) {
        func damaged() -> FileError {
            FileError(path, "is no SentencePiece model, or is damaged or cut off; fetch the model again")
        }
        var reader = ProtobufReader(bytes[...])
        while let field = reader.next() {
            switch field {
            case .bytes(1, let message):
                guard pieces.count < UnigramParts.mostPieces else {
                    throw FileError(path, "has more than \(UnigramParts.mostPieces) pieces")
                }
                guard let piece = Self.piece(message) else { throw damaged() }
                guard isValidUTF8(piece.text) else {
                    throw FileError(path, "piece \(pieces.count) is not UTF-8; fetch the model again")
                }
                pieces.append(piece)
            case .bytes(2, let message):
                var inner = ProtobufReader(message)
                while let field = inner.next() {
                    if case .number(3, let value) = field { modelType = Int(truncatingIfNeeded: value) }
                    if case .number(35, let value) = field { fallsBackToBytes = value != 0 }
                }
                if inner.isDamaged { throw damaged() }
            case .bytes(3, let message):
                var inner = ProtobufReader(message)
                while let field = inner.next() {
                    if case .bytes(2, let value) = field { map = Array(value) }
                }
                if inner.isDamaged { throw damaged() }
            default: break
            }
        }
        guard !reader.isDamaged, !pieces.isEmpty else { throw damaged() }
    }

    private static func piece(_ message: ArraySlice<UInt8>) -> Piece? {
        var piece = Piece(text: [], score: 0, kind: 1)
        var reader = ProtobufReader(message)
        while let field = reader.next() {
            switch field {
            case .bytes(1, let text): piece.text = Array(text)
            case .word(2, let bits): piece.score = Float(bitPattern: bits)
            case .number(3, let kind): piece.kind = Int(truncatingIfNeeded: kind)
            default: break
            }
        }
        return reader.isDamaged ? nil : piece
    }
}

/// Reads the fields of a protobuf message (its wire format), one after the other.
struct ProtobufReader {
    enum Field {
        case number(Int, UInt64)
        /// 64 bits, of which no message here has any use.
        case double(Int)
        case bytes(Int, ArraySlice<UInt8>)
        case word(Int, UInt32)
    }

    private var rest: ArraySlice<UInt8>
    private(set) var isDamaged = false

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field; nil at the end, and where the message is damaged.
    mutating func next() -> Field? {
        guard !rest.isEmpty else { return nil }
        isDamaged = true
        guard let key = varint(), key >> 3 > 0, key >> 3 < 1 << 29 else { return nil }
        let number = Int(key >> 3)
        let field: Field
        switch key & 7 {
        case 0:
            guard let value = varint() else { return nil }
            field = .number(number, value)
        case 1:
            guard take(8) != nil else { return nil }
            field = .double(number)
        case 2:
            guard let length = varint(), length <= UInt64(rest.count), let bytes = take(Int(length)) else { return nil }
            field = .bytes(number, bytes)
        case 5:
            guard let bytes = take(4) else { return nil }
            field = .word(number, bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        default: return nil
        }
        isDamaged = false
        return field
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
