import Cluster
import Foundation
import Support

/// A method that a few-shot benchmark compares, with options of its own.
public struct FewShotVariant: Sendable, Hashable {
    /// The method.
    public var method: TrainingMethod
    /// Options of `train` that its trials have besides those of all trials.
    public var options: [String]

    /// The methods of `--methods`: names with commas between them, and names with options behind them, one to a value.
    ///
    /// - Throws: An error that names the value, and the methods that there are.
    public static func read(_ values: [String]) throws(FewShotBenchmarkError) -> [FewShotVariant] {
        var variants: [FewShotVariant] = []
        for value in values {
            let words = value.split(whereSeparator: \.isWhitespace).map { String($0) }
            // Options belong to the last of several names: probe,"finetune --epochs 20" is a single value to the
            // program.
            let names = (words.first ?? "").split(separator: ",").map { String($0) }
            for (number, name) in names.enumerated() {
                guard let method = TrainingMethod(rawValue: name) else {
                    let known = TrainingMethod.allCases.map(\.rawValue).joined(separator: ", ")
                    throw FewShotBenchmarkError(
                        "--methods: \(quoted(name)) is no method; there are \(known). Options of one method stand behind "
                            + "its name, in quotes: --methods probe \"finetune --epochs 20\"")
                }
                let options = number == names.count - 1 ? Array(words.dropFirst()) : []
                let variant = FewShotVariant(method: method, options: options)
                if !variants.contains(variant) { variants.append(variant) }
            }
        }
        guard !variants.isEmpty else { throw FewShotBenchmarkError("--methods names no method") }
        return variants
    }

    /// For people, and in `trials.jsonl`.
    public var name: String { ([method.rawValue] + options).joined(separator: " ") }

    /// Its name in file names.
    var slug: String {
        let text = name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        let parts = String(text).split(separator: "-").joined(separator: "-")
        // Names that differ in what is left out are told apart by a number of their own.
        return options.isEmpty ? parts : "\(parts.prefix(60))-\(String(Self.hash(name), radix: 36))"
    }

    /// Fowler, Noll and Vo's hash, version 1a, of 32 bits.
    private static func hash(_ text: String) -> UInt32 {
        text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}

/// A run of a few-shot benchmark.
public struct FewShotTrial: Sendable, Hashable {
    /// How it learns.
    public var variant: FewShotVariant
    /// Examples of each class.
    public var shots: Int
    /// Draws them, and whatever else there is to draw.
    public var seed: UInt64

    /// A trial.
    public init(variant: FewShotVariant, shots: Int, seed: UInt64) {
        (self.variant, self.shots, self.seed) = (variant, shots, seed)
    }

    /// The name of its folder.
    var name: String { "k\(shots)-seed\(seed)-\(variant.slug)" }
    /// The name of the file of what it draws, which all methods draw.
    var drawName: String { "k\(shots)-seed\(seed).csv" }
}

/// What came of a trial: a line of `trials.jsonl`.
public struct FewShotResult: Sendable, Codable, Equatable {
    /// Examples of each class.
    public var k: Int
    /// See ``FewShotTrial/seed``.
    public var seed: UInt64
    /// See ``FewShotVariant/name``.
    public var method: String
    /// What was found on the test set, by the name in `result.json`; nil where the trial has failed.
    public var test: [String: Double]?
    /// Seconds of the run.
    public var seconds: Double?
    /// Of the model.
    public var weightsSHA256: String?
    /// Why it has failed; nil where it has not.
    public var error: String?

    enum CodingKeys: String, CodingKey {
        case k, seed, method, test, seconds, error
        case weightsSHA256 = "weights_sha256"
    }

    /// A result of `trial`, with nothing found yet.
    init(_ trial: FewShotTrial) { (k, seed, method) = (trial.shots, trial.seed, trial.variant.name) }

    /// Whether it is one of `trial`.
    func isOf(_ trial: FewShotTrial) -> Bool {
        k == trial.shots && seed == trial.seed && method == trial.variant.name
    }
}

/// Why a few-shot benchmark cannot be made, or go on: one line.
public struct FewShotBenchmarkError: Error, CustomStringConvertible, Equatable {
    /// The line.
    public var description: String

    init(_ description: String) { self.description = description }
}
