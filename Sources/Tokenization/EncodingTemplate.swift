/// Where the special tokens stand around one text or two: the `TemplateProcessing` of `tokenizer.json`.
struct EncodingTemplate: Sendable, Equatable {
    enum Piece: Sendable, Equatable {
        case special(ids: [Int32], type: Int32)
        case first(type: Int32)
        case second(type: Int32)
    }

    var single: [Piece]
    var pair: [Piece]

    /// BERT's own: `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, with type 1 from B on.
    static func bert(cls: Int32, sep: Int32) -> EncodingTemplate {
        let start: [Piece] = [.special(ids: [cls], type: 0), .first(type: 0), .special(ids: [sep], type: 0)]
        return EncodingTemplate(single: start, pair: start + [.second(type: 1), .special(ids: [sep], type: 1)])
    }

    /// RoBERTa's: `<s> A </s>` and `<s> A </s> </s> B </s>`, all of type 0.
    static func roberta(cls: Int32, sep: Int32) -> EncodingTemplate {
        let end = Piece.special(ids: [sep], type: 0)
        let start: [Piece] = [.special(ids: [cls], type: 0), .first(type: 0), end]
        return EncodingTemplate(single: start, pair: start + [end, .second(type: 0), end])
    }

    /// No special tokens: the texts alone.
    static let bare = EncodingTemplate(single: [.first(type: 0)], pair: [.first(type: 0), .second(type: 1)])

    /// How many tokens the template itself adds.
    static func specialCount(_ pieces: [Piece]) -> Int {
        pieces.reduce(0) { count, piece in
            if case .special(let ids, _) = piece { return count + ids.count }
            return count
        }
    }

    /// The highest segment id that the pieces give.
    static func highestType(_ pieces: [Piece]) -> Int32 {
        pieces.reduce(0) { highest, piece in
            switch piece {
            case .special(_, let type), .first(let type), .second(let type): max(highest, type)
            }
        }
    }

    static func apply(_ pieces: [Piece], first: ArraySlice<Int32>, second: ArraySlice<Int32>) -> Encoding {
        var encoding = Encoding(inputIDs: [], typeIDs: [])
        let count = first.count + second.count + specialCount(pieces)
        encoding.inputIDs.reserveCapacity(count)
        encoding.typeIDs.reserveCapacity(count)
        func append(_ ids: some Collection<Int32>, _ type: Int32) {
            encoding.inputIDs += ids
            encoding.typeIDs += repeatElement(type, count: ids.count)
        }
        for piece in pieces {
            switch piece {
            case .special(let ids, let type): append(ids, type)
            case .first(let type): append(first, type)
            case .second(let type): append(second, type)
            }
        }
        return encoding
    }

    /// The lengths to which `longest_first` cuts a pair so that both fit into `room`, as the `tokenizers` crate
    /// computes them: the shorter stays whole while it can, else both get half, the odd token going to the longer.
    static func longestFirst(_ first: Int, _ second: Int, room: Int) -> (first: Int, second: Int) {
        guard first + second > room else { return (first, second) }
        var (shorter, longer) = first <= second ? (first, second) : (second, first)
        longer = shorter > room ? shorter : max(shorter, room - shorter)
        if shorter + longer > room {
            shorter = room / 2
            longer = shorter + room % 2
        }
        return first <= second ? (shorter, longer) : (longer, shorter)
    }
}
