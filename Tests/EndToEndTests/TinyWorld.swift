import Foundation
import Modeling
import Numerics
import TestSupport

/// A folder of its own with a tiny model and a small data set that can be learnt; removed at the end.
final class TinyWorld {
    let folder: String
    static let classes = ["fish", "fruit", "metal"]
    private static let words = [
        ["cod", "eel", "tuna", "pike", "carp"], ["fig", "plum", "pear", "kiwi", "lime"],
        ["iron", "zinc", "gold", "lead", "tin"],
    ]
    private static let fillers = ["the", "a", "of", "some", "more", "with", "and", "we", "saw", "much"]

    init() throws {
        folder = NSTemporaryDirectory() + "shoal-e2e-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try writeModel("model")
        try write("train.csv", csv(count: 52, seed: 1))
        try write("validation.csv", csv(count: 15, seed: 2))
        try write("test.csv", csv(count: 30, seed: 3))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// `count` examples of which each names a thing of its class twice among fillers, some with commas in quotes.
    private func csv(count: Int, seed: UInt64) -> String {
        var random = PhiloxStream(seed: seed, purpose: .split)
        var text = "label,text\n"
        for i in 0..<count {
            let label = i % 3
            var words = (0..<(2 + random.next(below: 12))).map { _ in Self.fillers[random.next(below: 10)] }
            for _ in 0..<3 {
                words.insert(Self.words[label][random.next(below: 5)], at: random.next(below: words.count))
            }
            text += "\(Self.classes[label]),\"\(words.joined(separator: i % 4 == 0 ? ", " : " "))\"\n"
        }
        return text
    }

    /// Writes a model folder of 2 layers, 32 wide, with random weights.
    func writeModel(_ name: String, change: (inout ModelConfiguration) -> Void = { _ in }) throws {
        let vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ","] + Self.words.joined() + Self.fillers
        var configuration = ModelConfiguration.tiny(
            vocabulary: vocabulary.count, hidden: 32, heads: 4, positions: 128, labels: ["LABEL_0", "LABEL_1"])
        change(&configuration)
        let layout = ParameterLayout(configuration.classifier())
        let weights = FloatBuffer(count: layout.count)
        for (number, parameter) in layout.parameters.enumerated() {
            var random = PhiloxStream(seed: 7, purpose: .initialization, stream: UInt32(number))
            let isScale = parameter.id.isNormScale
            for i in parameter.range {
                weights.pointer[i] = isScale ? 1 : Float(random.nextUnit() - 0.5) * 0.2
            }
        }
        // A pretrained model has no classifier.
        let tensors = WeightLoader.tensors(of: weights, layout: layout, family: configuration.family).filter {
            !$0.name.hasPrefix("classifier")
        }
        try ModelFolder.write(to: path(name), configuration: configuration, tensors: tensors, tokenizerFrom: nil)
        try write("\(name)/vocab.txt", vocabulary.joined(separator: "\n") + "\n")
    }

    /// Makes a model folder one of sentence-transformers, whose embeddings are the mean over the tokens and have length
    /// 1.
    func writeModules(_ name: String = "model") throws {
        let modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")].enumerated().map {
            "{\"idx\": \($0), \"name\": \"\($0)\", \"path\": \"\($1.0)\", "
                + "\"type\": \"sentence_transformers.models.\($1.1)\"}"
        }
        try FileManager.default.createDirectory(atPath: path("\(name)/1_Pooling"), withIntermediateDirectories: true)
        try write("\(name)/1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}")
        try write("\(name)/modules.json", "[\(modules.joined(separator: ", "))]")
    }

    /// The options of a short run into `output`.
    func train(_ output: String, _ more: [String] = []) -> [String] {
        [
            "train", "--model", path("model"), "--train", path("train.csv"), "--test", path("test.csv"), "--output",
            path(output), "--batch-size", "20", "--micro-batches", "8", "--learning-rate", "3e-3",
        ] + more
    }

    /// A JSON file's object.
    func json(_ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path(name)))
        return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// The objects of a JSON Lines file.
    func jsonLines(_ name: String) throws -> [[String: Any]] {
        try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    /// The steps that a run has logged so far.
    func steps(_ output: String) -> Int {
        let text = (try? String(contentsOfFile: path("\(output)/metrics.jsonl"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count { !$0.contains("\"evaluation\"") }
    }

    /// A run's log without what depends on the machine: times, bytes and memory.
    func log(_ output: String) throws -> [String] {
        try jsonLines("\(output)/metrics.jsonl").map { line in
            line.filter { key, _ in
                !key.contains("second") && !key.contains("bytes")
            }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }
    }

    func weightsHash(_ output: String) throws -> String {
        try json("\(output)/result.json")["weights_sha256"] as? String ?? "none"
    }
}
