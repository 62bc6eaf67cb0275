import Foundation
import Support

/// The entries of config.json about what a model is for and what its outputs are called: the same for every family.
extension ModelConfiguration {
    /// The classes of `transformers` whose classifiers have labels, or outputs of a fixed meaning.
    public static let labelledClasses = [
        ModelPurpose.sequenceClassification, "ForTokenClassification", "ForMultipleChoice", "ForQuestionAnswering",
        "ForNextSentencePrediction",
    ]
    /// Names a head that no class of `transformers` has; `transformers` passes over it.
    private static let headKey = "shoal_head"
    /// More than any real model has.
    private static let labelCounts = 1...1_000_000

    /// Reads the labels, and for what the model was made.
    mutating func readClasses(_ config: ConfigurationReader) throws(FileError) {
        var problem: ProblemType?
        if let found = config.value("problem_type") {
            guard case .string(let name) = found, let known = ProblemType(rawValue: name) else {
                let names = ProblemType.allCases.map { quoted($0.rawValue) }.joined(separator: ", ")
                throw config.failure("problem_type is \(found.summary), must be one of \(names)")
            }
            problem = known
        }
        do throws(LabelsError) { labels = try Self.labels(config) } catch {
            // An obstacle to inference only: see `requireLabels`.
            labels = Self.defaultLabels(2)
            labelsProblem = error.reason
        }
        let suffix = try Self.classSuffix(config)
        // A class without a head; where none is named, it may have lost its name.
        let isEncoder = suffix == nil && config.value("architectures")?.array?.isEmpty == false
        // As `transformers` decides where the file does not say.
        let usual: ProblemType = labels.count == 1 ? .regression : .singleLabel
        if config.value(Self.headKey) == .string(PooledClassification.kind) {
            purpose = .pooled(problem ?? .singleLabel)
            return
        }
        let isOther = suffix != nil && suffix != ModelPurpose.sequenceClassification
        purpose = ModelPurpose(classSuffix: suffix, problem: isOther ? nil : problem ?? (isEncoder ? nil : usual))
    }

    /// Makes sure that the labels can be written.
    func checkClasses(path: String) throws(FileError) {
        guard Self.labelCounts.contains(labels.count) else {
            throw FileError(
                path,
                "the number of labels is \(labels.count), must be \(Self.labelCounts.lowerBound) to "
                    + "\(Self.labelCounts.upperBound)")
        }
        if let labelsProblem { throw FileError(path, labelsProblem) }
        if let twice = Self.firstTwice(labels) {
            throw FileError(path, "id2label has the label \(quoted(twice)) twice")
        }
    }

    /// What the names of the family's classes in `transformers` begin with, such as `Bert`.
    public var classPrefix: String { family.modelTypes.first { $0.key == modelType }?.value ?? "" }

    /// Writes the labels, and for what the model is.
    func writeClasses(into entries: inout [String: JSONValue]) {
        entries["architectures"] = .array([.string(classPrefix + (purpose.classSuffix ?? "Model"))])
        entries["problem_type"] = purpose.problem.map { .string($0.rawValue) }
        entries[Self.headKey] = purpose.isPooled ? .string(PooledClassification.kind) : nil
        guard purpose.hasLabels else { return }
        let numbered = labels.enumerated()
        entries["id2label"] = .object(
            JSONObject(
                Dictionary(uniqueKeysWithValues: numbered.map { (String($0.offset), JSONValue.string($0.element)) })))
        // The first one counts: labels that come twice are refused by `checkClasses`, before anything is written.
        entries["label2id"] = .object(
            JSONObject(Dictionary(numbered.map { ($0.element, JSONValue.integer($0.offset)) }) { first, _ in first }))
    }

    /// What the name of the class of `transformers` that the folder was written for ends with, from "For" on; nil for
    /// one without a head.
    private static func classSuffix(_ config: ConfigurationReader) throws(FileError) -> String? {
        guard let found = config.value("architectures") else { return nil }
        let names = found.array?.compactMap(\.string) ?? []
        guard let count = found.array?.count, names.count == count else {
            throw config.failure("architectures is \(found.summary), must be a list of names of classes")
        }
        for name in names {
            if let start = name.range(of: "For", options: .backwards) { return String(name[start.lowerBound...]) }
        }
        return nil
    }

    /// The labels of `id2label`, whose keys must be 0 to n-1; without it LABEL_0 ... by `num_labels`, which is 2.
    private static func labels(_ config: ConfigurationReader) throws(LabelsError) -> [String] {
        var count: Int?
        switch config.value("num_labels") {
        case nil: break
        case .integer(let found) where labelCounts.contains(found): count = found
        case .some(let found): throw LabelsError("num_labels is \(found.summary), must be 1 to 1000000")
        }
        guard let found = config.value("id2label"), found != .object([:]) else { return defaultLabels(count ?? 2) }
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
        if let twice = firstTwice(labels) { throw LabelsError("id2label has the label \(quoted(twice)) twice") }
        return labels
    }

    private static func defaultLabels(_ count: Int) -> [String] { (0..<count).map { "LABEL_\($0)" } }

    /// The first label that stands there a second time.
    private static func firstTwice(_ labels: [String]) -> String? {
        var seen: Set<String> = []
        return labels.first { !seen.insert($0).inserted }
    }
}

/// Why the labels of a config.json cannot be used.
private struct LabelsError: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}
