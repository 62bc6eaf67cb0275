import Foundation

/// All that a worker needs to know of a model: the encoder, what stands on it, what it learns by, and which of its
/// parameters learn.
public struct ModelSpecification: Sendable {
    /// The encoder.
    public var encoder: EncoderArchitecture
    /// What turns the encoder's rows into outputs.
    public var head: any Head
    /// What turns outputs and targets into a loss.
    public var objective: any Objective
    /// What learns beside the encoder's linear layers, which are then frozen; nil for nothing.
    public var adapter: LowRankAdapter?
    /// The parameters that are trained; an adapter is in any case.
    public var trainable: TrainableSet

    /// A model of these parts.
    public init(
        encoder: EncoderArchitecture, head: any Head, objective: any Objective = CrossEntropy(),
        adapter: LowRankAdapter? = nil, trainable: TrainableSet = .all
    ) {
        self.encoder = encoder
        self.head = head
        self.objective = objective
        self.adapter = adapter
        self.trainable = trainable
    }

    /// Whether the word embedding is trained with a compact gradient, of the rows that a step touches: not where it is
    /// a matrix of the head.
    public var hasRowTable: Bool { trainable.contains(.words) && !head.tiesWords }

    /// Checks the bounds of all parts, and that they fit each other.
    public func validate() throws(ModelError) {
        try encoder.validate()
        try head.validate()
        try head.validate(encoder)
        try objective.validate(head: head)
        // That head alone says where the sequences begin among its rows.
        guard type(of: objective).scope == .microBatch || !head.isPerToken || head is TokenEmbedding else {
            throw .invalidModel("its objective compares whole sequences, its head has outputs for each token")
        }
        guard let adapter else { return try trainable.validate(encoder) }
        try adapter.validate()
        guard trainable == .besideAdapter(head) else {
            throw .invalidModel(
                head.tiesWords
                    ? "it has an adapter, beside which a head with the word embedding as a matrix is not trained"
                    : "it has an adapter, beside which the head alone can be trained")
        }
    }

    /// Checks that `targets` fit the head and the objective.
    ///
    /// - Parameters:
    ///   - sequences: S, the sequences of the micro-batch.
    ///   - tokens: T, its tokens.
    public func validate(_ targets: Targets, sequences: Int, tokens: Int) throws(ModelError) {
        try targets.validate(sequences: sequences, tokens: tokens)
        try head.validate(targets)
        try objective.validate(targets)
    }
}

/// The form in which a model travels to the workers: `{"encoder": {…}, "head": {"kind": …, …}, "objective": {"kind": …,
/// …}, "adapter": {…}, "trainable": …}`, without `adapter` where there is none.
extension ModelSpecification {
    /// The JSON text.
    public func json() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // All parts are structs of numbers and strings, and validated ones have finite numbers.
        guard let data = try? encoder.encode(Encoded(specification: self)) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads what ``json()`` writes, to the letter, and validates it.
    ///
    /// - Parameter registry: The heads and objectives that are known.
    /// - Throws: `ModelError.invalidModel` with the reason.
    public init(json: String, registry: ModelRegistry = .standard) throws(ModelError) {
        let decoder = JSONDecoder()
        decoder.userInfo[ModelRegistry.key] = registry
        do {
            self = try decoder.decode(Encoded.self, from: Data(json.utf8)).specification
        } catch let error as ModelError {
            throw error
        } catch {
            throw .invalidModel("it is not described as this version does it")
        }
        try validate()
        // What is not read would make this another model than the sender's.
        guard self.json() == json else { throw .invalidModel("its description has parts that this version ignores") }
    }
}

private struct Encoded: Codable {
    var specification: ModelSpecification

    private enum Keys: String, CodingKey { case encoder, head, objective, adapter, trainable }

    init(specification: ModelSpecification) { self.specification = specification }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        specification = ModelSpecification(
            encoder: try values.decode(EncoderArchitecture.self, forKey: .encoder),
            head: try values.decode(CodedHead.self, forKey: .head).head,
            objective: try values.decode(CodedObjective.self, forKey: .objective).objective,
            adapter: try values.decodeIfPresent(LowRankAdapter.self, forKey: .adapter),
            trainable: try values.decode(TrainableSet.self, forKey: .trainable))
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        try values.encode(specification.encoder, forKey: .encoder)
        try values.encode(CodedHead(specification.head), forKey: .head)
        try values.encode(CodedObjective(specification.objective), forKey: .objective)
        try values.encodeIfPresent(specification.adapter, forKey: .adapter)
        try values.encode(specification.trainable, forKey: .trainable)
    }
}
