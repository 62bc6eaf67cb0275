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
    /// The parameters that are trained.
    public var trainable: TrainableSet

    /// A model of these parts.
    public init(
        encoder: EncoderArchitecture, head: any Head, objective: any Objective = CrossEntropy(),
        trainable: TrainableSet = .all
    ) {
        self.encoder = encoder
        self.head = head
        self.objective = objective
        self.trainable = trainable
    }

    /// Checks the bounds of all parts, and that they fit each other.
    public func validate() throws(ModelError) {
        try encoder.validate()
        try head.validate()
        try objective.validate(head: head)
        try trainable.validate(encoder)
    }

    /// Checks that `targets` fit the head and the objective.
    ///
    /// - Parameter sequences: S, the sequences of the micro-batch.
    public func validate(_ targets: Targets, sequences: Int) throws(ModelError) {
        try head.validate(targets, sequences: sequences)
        try objective.validate(targets)
    }
}

/// The form in which a model travels to the workers: `{"encoder": {…}, "head": {"kind": …, …}, "objective": {"kind": …,
/// …}, "trainable": …}`.
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
        decoder.userInfo[.modelRegistry] = registry
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

extension CodingUserInfoKey {
    fileprivate static var modelRegistry: CodingUserInfoKey {
        // The initializer has no other way to fail than for reasons of Objective-C.
        CodingUserInfoKey(rawValue: "shoal.modelRegistry") ?? { preconditionFailure("a coding key of one word") }()
    }
}

/// Coding by kind: `Codable` alone cannot know which head or objective to decode.
private struct Encoded: Codable {
    var specification: ModelSpecification

    private enum Keys: String, CodingKey { case encoder, head, objective, trainable }
    private enum KindKey: String, CodingKey { case kind }

    init(specification: ModelSpecification) { self.specification = specification }

    init(from decoder: any Decoder) throws {
        let registry = decoder.userInfo[.modelRegistry] as? ModelRegistry ?? .standard
        let values = try decoder.container(keyedBy: Keys.self)
        func part(_ key: Keys) throws -> (decoder: any Decoder, kind: String) {
            let part = try values.superDecoder(forKey: key)
            return (part, try part.container(keyedBy: KindKey.self).decode(String.self, forKey: .kind))
        }
        let (head, headKind) = try part(.head)
        let (objective, objectiveKind) = try part(.objective)
        specification = ModelSpecification(
            encoder: try values.decode(EncoderArchitecture.self, forKey: .encoder),
            head: try registry.head(headKind).init(from: head),
            objective: try registry.objective(objectiveKind).init(from: objective),
            trainable: try values.decode(TrainableSet.self, forKey: .trainable))
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        try values.encode(specification.encoder, forKey: .encoder)
        func write(_ part: some Encodable, kind: String, _ key: Keys) throws {
            let encoder = values.superEncoder(forKey: key)
            try part.encode(to: encoder)
            var values = encoder.container(keyedBy: KindKey.self)
            try values.encode(kind, forKey: .kind)
        }
        try write(specification.head, kind: type(of: specification.head).kind, .head)
        try write(specification.objective, kind: type(of: specification.objective).kind, .objective)
        try values.encode(specification.trainable, forKey: .trainable)
    }
}
