import Support

/// Parts of a model as an option names them, before the model is known: `head`, `embeddings` or `words` and
/// `positions`, and encoder layers by number, one (`5`) or a range (`0-3`), all separated by commas.
public struct PartSelection: Sendable, Equatable {
    /// The parts, at least one.
    public let parts: Set<ModelPart>
    /// As it was given.
    public let text: String

    /// What is wrong with a text; `need`, to follow "must be", says what to do.
    public struct Problem: Error, Equatable {
        /// To follow "must be".
        public var need: String
    }

    /// Reads what an option says.
    ///
    /// - Throws: ``Problem`` for a name that is none, a range that runs backwards, and where there is nothing.
    public init(_ text: String) throws(Problem) {
        var parts: Set<ModelPart> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            parts.formUnion(try Self.parts(name.drop { $0 == " " }.trimmingSuffix { $0 == " " }))
        }
        self.parts = parts
        self.text = text
    }

    private static func parts(_ name: Substring) throws(Problem) -> Set<ModelPart> {
        switch name {
        case "head": return [.head]
        case "embeddings": return ModelPart.embeddings
        case "words": return [.words]
        case "positions": return [.positions]
        default:
            let ends = name.split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1] else {
                throw Problem(
                    need: "head, embeddings, words, positions, and numbers of layers, such as embeddings,0-3; "
                        + "\"\(name.printable(limit: 40))\" is none of them")
            }
            guard first <= last else {
                throw Problem(need: "numbers of layers in ascending order, such as 0-3; \(name) runs backwards")
            }
            return Set((first...last).map { .layer($0) })
        }
    }

    /// The number of a layer that some model may have.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text),
            value < EncoderArchitecture.Limits.layers.upperBound
        else { return nil }
        return value
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
