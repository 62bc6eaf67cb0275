import Corpus
import Modeling
import Support
import Tokenization

/// Examples by number, tokenized when they are asked for, or before.
public protocol ExampleSource: Sendable {
    /// Their number.
    var count: Int { get }
    /// For each example, whether it goes on with the text of the one before, as windows of a long sentence do; nil
    /// where none does.
    var continues: [Bool]? { get }
    /// The tags of words that the model does not have, in the order of ``Target/unknownTags``.
    var unknownLabels: [String] { get }
    /// The sequences of tokens of an example.
    func encodings(_ index: Int) -> [Encoding]
    /// What is to be learnt of each of them.
    func target(_ index: Int) -> Target
    /// Examples, packed, with what is drawn for a round: an epoch, or ``TokenMasker/evaluation``.
    func pack(_ indices: [Int], round: UInt32) -> PackedBatch
    /// What became of the data set that they were made of, for people; nil for nothing worth a line.
    ///
    /// - Parameters:
    ///   - name: What it is there for, such as " for validation"; "" for training.
    ///   - maxLength: Tokens of an example at most.
    func notice(_ name: String, of data: Dataset, maxLength: Int) -> String?
}

extension ExampleSource {
    /// None does.
    public var continues: [Bool]? { nil }

    /// There are none.
    public var unknownLabels: [String] { [] }

    /// The texts that they are of: fewer than examples where long ones are cut into windows.
    public var textCount: Int { continues.map { $0.count { !$0 } } ?? count }

    /// The examples `indices`, packed; dropout is keyed by their numbers.
    public func pack(_ indices: some Sequence<Int>) -> PackedBatch {
        PackedBatch(packing: indices, encodings: encodings, target: target)
    }

    /// The tokens of an example.
    public func tokenCount(_ index: Int) -> Int { encodings(index).reduce(0) { $0 + $1.inputIDs.count } }

    /// The same in each round: nothing is drawn.
    public func pack(_ indices: [Int], round: UInt32) -> PackedBatch { pack(indices) }

    /// Nothing.
    public func notice(_ name: String, of data: Dataset, maxLength: Int) -> String? { nil }
}

extension PackedDocuments: ExampleSource {
    /// A sequence without masks.
    public func encodings(_ index: Int) -> [Encoding] {
        let ids = sequence(index)
        return [Encoding(inputIDs: ids, typeIDs: [Int32](repeating: 0, count: ids.count))]
    }

    /// Nothing, before masks are drawn.
    public func target(_ index: Int) -> Target { .none }

    /// Sequences with the masks of a round.
    public func pack(_ indices: [Int], round: UInt32) -> PackedBatch { pack(masking: indices, round: round) }

    /// Its tokens, documents and sequences.
    public func notice(_ name: String, of data: Dataset, maxLength: Int) -> String? {
        "\(grouped(tokenCount)) tokens of \(plural(data.texts.count, "document"))\(name) in "
            + "\(plural(count, "sequence")) of \(maxLength)"
    }
}
