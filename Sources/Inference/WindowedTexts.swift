import Corpus
import Modeling
import Tokenization

/// The windows of the texts of several data sets, one after the other, for their embeddings to be collected.
///
/// The micro-batches of a set have windows of that set alone, so that what is computed of it depends on no other set:
/// its last one is filled with the shortest window of the set, which costs the least.
public struct WindowedTexts: ExampleSource {
    /// The windows of each set's texts, as numbers of examples.
    public let windows: [[Range<Int>]]
    private let examples: [Encoding]

    /// The windows of all texts.
    public var windowCount: Int { windows.reduce(0) { $1.reduce($0) { $0 + $1.count } } }

    /// Windows of these sets.
    ///
    /// - Parameters:
    ///   - encodings: The windows of each text of each set; at least one of each text.
    ///   - batch: Examples of a micro-batch.
    public init(_ encodings: [[[Encoding]]], batch: Int) {
        var (all, ranges) = ([Encoding](), [[Range<Int>]]())
        for set in encodings {
            var texts: [Range<Int>] = []
            for windows in set {
                texts.append(all.count..<(all.count + windows.count))
                all += windows
            }
            ranges.append(texts)
            let shortest = set.lazy.joined().min { $0.inputIDs.count < $1.inputIDs.count }
            while let shortest, all.count % batch != 0 { all.append(shortest) }
        }
        (examples, windows) = (all, ranges)
    }

    /// See ``ExampleSource``.
    public var count: Int { examples.count }
    /// One.
    public func encodings(_ index: Int) -> [Encoding] { [examples[index]] }
    /// Nothing is learnt.
    public func target(_ index: Int) -> Target { .none }
    /// See ``ExampleSource``.
    public func pack(_ indices: [Int], round: UInt32) -> PackedBatch { pack(indices) }
}
