/// A packed micro-batch: T tokens of S sequences end to end, without padding.
///
/// Only attention looks at where sequences begin and end; everything else works on T rows.
public struct PackedBatch: Sendable, Equatable {
    /// T token ids.
    public var tokenIDs: [Int32]
    /// T segment ids (0 for the first text, 1 for the second of a pair).
    public var typeIDs: [Int32]
    /// S + 1 offsets: sequence `s` is `offsets[s]..<offsets[s + 1]`; the first is 0, the last is T.
    public var offsets: [Int32]
    /// S numbers that key the dropout masks: the position of each sample in the training set.
    public var sampleKeys: [UInt32]
    /// What is to be learnt.
    public var targets: Targets

    /// A batch of these arrays; see ``validate(_:)`` for what comes from outside.
    public init(
        tokenIDs: [Int32] = [], typeIDs: [Int32] = [], offsets: [Int32] = [0], sampleKeys: [UInt32] = [],
        targets: Targets = .none
    ) {
        self.tokenIDs = tokenIDs
        self.typeIDs = typeIDs
        self.offsets = offsets
        self.sampleKeys = sampleKeys
        self.targets = targets
    }

    /// The number of tokens, T.
    public var tokenCount: Int { tokenIDs.count }

    /// The number of sequences, S.
    public var sequenceCount: Int { offsets.count - 1 }

    /// Adds one sequence of at least one token, with what is to be learnt of it: of all sequences or of none.
    public mutating func append(
        tokenIDs ids: [Int32], typeIDs types: [Int32], sampleKey: UInt32, target: Target = .none
    ) {
        tokenIDs.append(contentsOf: ids)
        typeIDs.append(contentsOf: types)
        offsets.append(Int32(tokenIDs.count))
        sampleKeys.append(sampleKey)
        targets.append(target)
    }

    /// Checks everything that the kernels rely on: lengths, order, and that each id lies within its table.
    public func validate(_ model: ModelSpecification) throws(ModelError) {
        let tokens = tokenIDs.count
        guard typeIDs.count == tokens else { throw .invalidBatch("\(typeIDs.count) segment ids for \(tokens) tokens") }
        guard offsets.first == 0, offsets.count >= 2, Int(offsets[offsets.count - 1]) == tokens else {
            throw .invalidBatch("the offsets do not run from 0 to \(tokens)")
        }
        let sequences = offsets.count - 1
        for s in 0..<sequences {
            // Not a plain difference: what comes from outside may overflow it.
            let (length, overflow) = offsets[s + 1].subtractingReportingOverflow(offsets[s])
            guard !overflow, length > 0, offsets[s] >= 0 else { throw .invalidBatch("sequence \(s) has no tokens") }
            guard Int(length) <= model.encoder.maxLength else {
                throw .invalidBatch(
                    "sequence \(s) has \(length) tokens, the model takes at most \(model.encoder.maxLength)")
            }
        }
        guard sampleKeys.count == sequences else {
            throw .invalidBatch("\(sampleKeys.count) sample keys for \(sequences) sequences")
        }
        for id in tokenIDs where id < 0 || Int(id) >= model.encoder.vocabulary {
            throw .invalidBatch("token id \(id) outside of the vocabulary of \(model.encoder.vocabulary)")
        }
        // A model without segments reads none.
        for id in typeIDs where model.encoder.segments > 0 && (id < 0 || Int(id) >= model.encoder.segments) {
            throw .invalidBatch("segment id \(id), the model has \(model.encoder.segments) segments")
        }
        try targets.validate(sequences: sequences, tokens: tokens)
        try model.head.validate(targets)
    }
}
