import Support

/// `post_processor` of `tokenizer.json`: the special tokens around texts.
enum PostProcessorJSON {
    /// The template that a post-processor stands for; the texts alone where there is none.
    ///
    /// - Parameters:
    ///   - count: One more than the highest id.
    ///   - isBertOnly: Whether those of other families than BERT's are refused.
    static func template(
        _ value: JSONValue?, count: Int, _ path: String, isBertOnly: Bool
    ) throws(FileError) -> EncodingTemplate {
        guard let value, !value.isNull else { return .bare }
        func checked(_ id: Int?) throws(FileError) -> Int32 {
            guard let id, id >= 0, id < count else {
                throw FileError(path, "post_processor uses a token id that the vocabulary does not have")
            }
            return Int32(id)
        }
        switch value["type"]?.string {
        case "BertProcessing":
            return .bert(
                cls: try checked(value["cls"]?.array?.last?.integer),
                sep: try checked(value["sep"]?.array?.last?.integer))
        case "RobertaProcessing" where !isBertOnly:
            return .roberta(
                cls: try checked(value["cls"]?.array?.last?.integer),
                sep: try checked(value["sep"]?.array?.last?.integer))
        case "ByteLevel" where !isBertOnly: return .bare
        case "Sequence" where !isBertOnly:
            guard let list = value["processors"]?.array else {
                throw FileError(path, "post_processor of the type Sequence has no list \"processors\"")
            }
            var result = EncodingTemplate.bare
            for part in list where part["type"]?.string != "ByteLevel" {
                guard result == .bare, part["type"]?.string != "Sequence" else {
                    throw FileError(
                        path, "post_processor is a Sequence with more than one part that adds tokens; save one template"
                    )
                }
                result = try template(part, count: count, path, isBertOnly: false)
            }
            return result
        case "TemplateProcessing":
            func pieces(_ key: String) throws(FileError) -> [EncodingTemplate.Piece] {
                var pieces: [EncodingTemplate.Piece] = []
                for piece in value[key]?.array ?? [] {
                    if let part = piece["SpecialToken"], let name = part["id"]?.string {
                        var ids: [Int32] = []
                        for id in value["special_tokens"]?[name]?["ids"]?.array ?? [] {
                            ids.append(try checked(id.integer))
                        }
                        guard !ids.isEmpty else {
                            throw FileError(
                                path, "post_processor.special_tokens has no ids for \(name.printable(limit: 60))")
                        }
                        pieces.append(.special(ids: ids, type: try segment(part, path)))
                    } else if let part = piece["Sequence"], let name = part["id"]?.string, name == "A" || name == "B" {
                        let type = try segment(part, path)
                        pieces.append(name == "A" ? .first(type: type) : .second(type: type))
                    } else {
                        throw FileError(path, "post_processor.\(key) has a piece that is no token or sequence")
                    }
                }
                return pieces
            }
            let result = EncodingTemplate(single: try pieces("single"), pair: try pieces("pair"))
            guard !result.single.isEmpty, !result.pair.isEmpty else {
                throw FileError(path, "post_processor has no template for single texts or for pairs")
            }
            return result
        default:
            let others = isBertOnly ? "" : ", RobertaProcessing, ByteLevel and Sequences of them"
            throw FileError(
                path,
                "has the post-processor \(TokenizerJSON.named(value)); only TemplateProcessing"
                    + (isBertOnly ? " and BertProcessing" : ", BertProcessing") + "\(others) can be used")
        }
    }

    private static func segment(_ part: JSONValue, _ path: String) throws(FileError) -> Int32 {
        guard let value = part["type_id"], !value.isNull else { return 0 }
        guard let id = value.integer, (0...65_535).contains(id) else {
            throw FileError(path, "post_processor: a type_id must be a whole number, not negative")
        }
        return Int32(id)
    }
}
