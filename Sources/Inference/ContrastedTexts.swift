import Modeling
import Tokenization

/// Texts with their classes, for their embeddings to be compared with each other: training texts, and descriptions of
/// the classes.
public struct ContrastedTexts: ExampleSource {
    private let texts: [Encoding]
    private let classes: [Int]

    /// Texts of these tokens and classes, as many of either.
    public init(_ texts: [Encoding], classes: [Int]) {
        precondition(texts.count == classes.count, "a class of each text")
        (self.texts, self.classes) = (texts, classes)
    }

    /// See ``ExampleSource``.
    public var count: Int { texts.count }
    /// One.
    public func encodings(_ index: Int) -> [Encoding] { [texts[index]] }
    /// Its class.
    public func target(_ index: Int) -> Target { .classIndex(Int32(classes[index])) }
}
