import Modeling
import Tokenization

/// Texts, each beside a description of its class, to be compared with all others of a step: what FastFit makes of a
/// labelled set (Yehudai and Bandel, 2024).
///
/// Where a class has several descriptions, its texts take turns: the k-th text has the k-th of them, and begins again
/// with the first.
public struct ContrastedDescriptions: ExampleSource {
    private let texts: [Encoding]
    private let classes: [Int]
    private let descriptions: [Encoding]
    /// Of each text, its description.
    private let described: [Int]

    /// - Parameters:
    ///   - classes: The class of each text.
    ///   - descriptions: At least one of each class.
    ///   - describedClasses: The class of each description.
    public init(_ texts: [Encoding], classes: [Int], descriptions: [Encoding], describedClasses: [Int]) {
        precondition(texts.count == classes.count && descriptions.count == describedClasses.count, "a class of each")
        let count = (classes + describedClasses).max().map { $0 + 1 } ?? 0
        var members = [[Int]](repeating: [], count: count)
        for (number, label) in describedClasses.enumerated() { members[label].append(number) }
        precondition(classes.allSatisfy { !members[$0].isEmpty }, "a description of each class")
        var turns = [Int](repeating: 0, count: count)
        described = classes.map { label in
            defer { turns[label] += 1 }
            return members[label][turns[label] % members[label].count]
        }
        (self.texts, self.classes, self.descriptions) = (texts, classes, descriptions)
    }

    /// See ``ExampleSource``.
    public var count: Int { texts.count }
    /// The text, and a description.
    public func encodings(_ index: Int) -> [Encoding] { [texts[index], descriptions[described[index]]] }
    /// The class of both.
    public func target(_ index: Int) -> Target { .classIndex(Int32(classes[index])) }
}
