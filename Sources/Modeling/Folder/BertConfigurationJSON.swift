import Foundation
import Support

/// config.json and back.
extension BertConfiguration {
    /// Reads a `config.json`.
    ///
    /// - Throws: An error that names the file and the entry: a model type other than `bert`, an impossible size.
    public init(path: String) throws(FileError) {
        let file = try MappedFile(path: path)
        guard file.count <= 16 << 20 else { throw FileError(path, "too large for a config.json") }
        try self.init(json: file.withBytes { Data($0) }, path: path)
    }

    /// Reads the contents of a `config.json`, with the defaults of `transformers.BertConfig` for what is not there.
    ///
    /// - Parameter path: The file, for error messages.
    /// - Throws: An error that names the file, the key and what was found.
    public init(json data: Data, path: String) throws(FileError) {
        let parsed = data.withUnsafeBytes { bytes -> Result<JSONValue, JSONError> in
            Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
        }
        if case .failure = parsed, let advice = data.withUnsafeBytes({ ForeignContent.advice($0) }) {
            throw FileError(path, advice)
        }
        switch parsed {
        case .failure(let error): throw FileError(path, "not valid JSON: \(error.reason)")
        case .success(.object(let object)): try self.init(object: object.dictionary, path: path)
        case .success(let value):
            throw FileError(path, "must be a JSON object, found \(value.summary)")
        }
    }

    /// `vocab_size` of a folder's config.json, of whatever kind of model; nil where it cannot be known.
    public static func vocabularySize(folder: String) -> Int? {
        guard let file = try? MappedFile(path: joinedPath(folder, "config.json")), file.count <= 16 << 20,
            case .object(let object)? = try? file.withBytes({ try JSONValue(parsing: $0) }),
            case .integer(let size) = object["vocab_size"]
        else { return nil }
        return size
    }

    /// Decodes the object that config.json is.
    public init(from decoder: any Decoder) throws {
        self = try Self(object: try [String: JSONValue](from: decoder), path: "config.json")
        try validate()
    }

    /// Encodes the object that config.json is.
    public func encode(to encoder: any Encoder) throws { try jsonObject.encode(to: encoder) }

    /// The contents of a `config.json` for `transformers.BertForSequenceClassification` in float32, keys sorted.
    public func json() -> Data { Data(JSONValue.object(JSONObject(jsonObject)).text.utf8) }

    /// Keys that this program reads.
    private static let ownKeys: Set<String> = [
        "model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings",
        "type_vocab_size", "layer_norm_eps", "initializer_range", "pad_token_id", "classifier_dropout", "id2label",
        "label2id", "num_labels", "position_embedding_type", "is_decoder", "add_cross_attention",
        "is_encoder_decoder",
    ]

    /// Keys about the old model's task, its place, its number format and its code, none of which is true of ours.
    private static let staleKeys: Set<String> = [
        "architectures", "problem_type", "finetuning_task", "task_specific_params", "_name_or_path", "name_or_path",
        "_num_labels", "transformers_version", "torch_dtype", "dtype", "auto_map", "pruned_heads",
        "quantization_config", "sentence_transformers", "loss_type",
    ]

    init(object: [String: JSONValue], path: String) throws(FileError) {
        let reader = KeyReader(object: object, path: path)
        switch object["model_type"] {
        case .string("bert"): break
        case let found:
            throw FileError(path, "model_type is \(found?.summary ?? "missing"), only \"bert\" is supported")
        }
        try reader.require("position_embedding_type", .string("absolute"))
        try reader.require("is_decoder", .bool(false))
        try reader.require("add_cross_attention", .bool(false))
        try reader.require("is_encoder_decoder", .bool(false))
        try reader.require("pruned_heads", .object([:]))
        try reader.require("quantization_config", .object([:]))
        guard !reader.has("auto_map") else {
            throw FileError(path, "has auto_map: a model with code of its own, which cannot be used")
        }
        self.init()
        try reader.read("vocab_size", &vocabSize)
        try reader.read("hidden_size", &hiddenSize)
        try reader.read("num_hidden_layers", &layers)
        try reader.read("num_attention_heads", &heads)
        try reader.read("intermediate_size", &intermediateSize)
        try reader.read("hidden_act", &hiddenAct)
        try reader.read("hidden_dropout_prob", &hiddenDropout)
        try reader.read("attention_probs_dropout_prob", &attentionDropout)
        try reader.read("max_position_embeddings", &maxPositions)
        try reader.read("type_vocab_size", &typeVocabSize)
        try reader.read("layer_norm_eps", &layerNormEpsilon)
        try reader.read("initializer_range", &initializerRange)
        try reader.read("pad_token_id", &padTokenID)
        var dropout: Float = -1
        try reader.read("classifier_dropout", &dropout)
        if reader.has("classifier_dropout") { classifierDropout = dropout }
        try reader.requireSingleLabel()
        do throws(LabelsError) { labels = try reader.labels() } catch {
            labels = (0..<2).map { "LABEL_\($0)" }
            labelsProblem = error.reason
        }
        guard labels.count != 1 else {
            throw FileError(
                path,
                "has a single label: that is a regression, and only classification of single labels is supported")
        }
        otherArchitecture = reader.otherArchitecture()
        others = object.filter { !Self.ownKeys.contains($0.key) && !Self.staleKeys.contains($0.key) }
        // Labels that cannot be used are an obstacle to inference only: see `requireClassifier`.
        var checked = self
        if labelsProblem != nil { checked.labelsProblem = nil }
        try checked.validate(path: path)
    }

    var jsonObject: [String: JSONValue] {
        func number(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
        var object = others
        object["architectures"] = .array([.string("BertForSequenceClassification")])
        object["model_type"] = .string("bert")
        object["problem_type"] = .string("single_label_classification")
        // The number format of the file: transformers 5 loads in it by default, 4 shows it.
        object["torch_dtype"] = .string("float32")
        object["vocab_size"] = .integer(vocabSize)
        object["hidden_size"] = .integer(hiddenSize)
        object["num_hidden_layers"] = .integer(layers)
        object["num_attention_heads"] = .integer(heads)
        object["intermediate_size"] = .integer(intermediateSize)
        object["hidden_act"] = .string(hiddenAct)
        object["hidden_dropout_prob"] = number(hiddenDropout)
        object["attention_probs_dropout_prob"] = number(attentionDropout)
        object["max_position_embeddings"] = .integer(maxPositions)
        object["type_vocab_size"] = .integer(typeVocabSize)
        object["layer_norm_eps"] = number(layerNormEpsilon)
        object["initializer_range"] = number(initializerRange)
        object["pad_token_id"] = .integer(padTokenID)
        object["position_embedding_type"] = .string("absolute")
        object["classifier_dropout"] = classifierDropout.map(number) ?? .null
        object["id2label"] = .object(
            JSONObject(
                Dictionary(uniqueKeysWithValues: labels.enumerated().map { (String($0.offset), .string($0.element)) })))
        // First one wins: labels that come twice are refused by `validate`, before anything is written.
        object["label2id"] = .object(
            JSONObject(Dictionary(labels.enumerated().map { ($0.element, .integer($0.offset)) }) { first, _ in first }))
        return object
    }
}

/// Takes typed values out of the object; null counts as not there, as in `transformers`.
private struct KeyReader {
    let object: [String: JSONValue]
    let path: String

    private func value(_ key: String) -> JSONValue? {
        let value = object[key]
        return value == .null ? nil : value
    }

    private func wrong(_ key: String, _ found: JSONValue, _ expected: String) -> FileError {
        FileError(path, "\(key) is \(found.summary), must be \(expected)")
    }

    func require(_ key: String, _ expected: JSONValue) throws(FileError) {
        guard let found = value(key), found != expected else { return }
        throw FileError(
            path,
            expected == .object([:])
                ? "has \(key), which is not supported"
                : "\(key) is \(found.summary), only \(expected.summary) is supported")
    }

    func has(_ key: String) -> Bool { value(key) != nil }

    func read(_ key: String, _ target: inout Int) throws(FileError) {
        guard let found = value(key) else { return }
        guard case .integer(let number) = found else { throw wrong(key, found, "a whole number") }
        target = number
    }

    func read(_ key: String, _ target: inout Float) throws(FileError) {
        switch value(key) {
        case nil: return
        case .integer(let found): target = Float(found)
        case .number(let found): target = Float(found)
        case .some(let found): throw wrong(key, found, "a number")
        }
    }

    func read(_ key: String, _ target: inout String) throws(FileError) {
        guard let found = value(key) else { return }
        guard case .string(let text) = found else { throw wrong(key, found, "a string") }
        target = text
    }

    /// Makes sure that the task is the one that is there: one label of several.
    func requireSingleLabel() throws(FileError) {
        guard let found = value("problem_type"), found != .string("single_label_classification") else { return }
        throw FileError(
            path,
            "problem_type is \(found.summary), only \"single_label_classification\" is supported; a model for "
                + "another task gives no meaningful result here")
    }

    /// The class of `transformers` that the folder was written for, where that has a classifier for something else.
    func otherArchitecture() -> String? {
        let others = ["Token", "MultipleChoice", "QuestionAnswering", "NextSentencePrediction"]
        guard case .array(let names) = value("architectures") else { return nil }
        for case .string(let name) in names where others.contains(where: { name.contains($0) }) { return name }
        return nil
    }

    /// The labels of `id2label`, whose keys must be 0 to n-1; without it LABEL_0 ... by `num_labels`, which is 2.
    func labels() throws(LabelsError) -> [String] {
        var count: Int?
        switch value("num_labels") {
        case nil: break
        case .integer(let found) where (1...1_000_000).contains(found): count = found
        case .some(let found): throw LabelsError("num_labels is \(found.summary), must be 1 to 1000000")
        }
        guard let found = value("id2label"), found != .object([:]) else {
            return (0..<(count ?? 2)).map { "LABEL_\($0)" }
        }
        guard case .object(let object) = found else {
            throw LabelsError("id2label is \(found.summary), must be an object")
        }
        let members = object.dictionary
        if let count, count != members.count {
            throw LabelsError("num_labels is \(count), but id2label has \(members.count)")
        }
        var labels: [String] = []
        for id in 0..<members.count {
            guard let label = members[String(id)] else {
                throw LabelsError("id2label has \(members.count) labels, but none for the id \(id)")
            }
            switch label {
            case .string(let text): labels.append(text)
            case .integer(let number): labels.append(String(number))
            default: throw LabelsError("id2label[\(id)] is \(label.summary), must be a string: write it in quotes")
            }
        }
        if let twice = BertConfiguration.firstTwice(labels) {
            throw LabelsError("id2label has the label \(quoted(twice)) twice")
        }
        return labels
    }
}

/// Why the labels of a config.json cannot be used.
private struct LabelsError: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}
