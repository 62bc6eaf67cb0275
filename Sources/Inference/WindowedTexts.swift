import Corpus
import Modeling
import Tokenization

/// The windows of the texts of several data sets, one after the other, for their embeddings to be collected.
///
/// Each set begins a micro-batch of its own, so that what is computed of it does not depend on the sets before it: the
/// micro-batch before is filled with its last window once more.
public struct WindowedTexts: ExampleSource {
    /// The windows of each set's texts, as numbers of examples.
    public let windows: [[Range<Int>]]
    private let examples: [Encoding]

    /// Windows of these sets.
    ///
    /// - Parameters:
    ///   - encodings: The windows of each text of each set; at least one of each text.
    ///   - batch: Examples of a micro-batch.
    public init(_ encodings: [[[Encoding]]], batch: Int) {
        var (all, ranges) = ([Encoding](), [[Range<Int>]]())
        for set in encodings {
            while let last = all.last, all.count % batch != 0 { all.append(last) }
            var texts: [Range<Int>] = []
            for windows in set {
                texts.append(all.count..<(all.count + windows.count))
                all += windows
            }
            ranges.append(texts)
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
