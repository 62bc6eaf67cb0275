import Corpus
import Inference
import Support

/// What a run learns from besides its training set.
struct FewShotData: Sendable {
    /// Texts that say what a class is about, with the number of the class; nil for none.
    var descriptions: [(text: String, label: Int)]?
    /// Texts without labels; nil for none.
    var unlabelled: [Example]?
    /// The shares of the classes among these; nil to estimate them.
    var shares: [Double]?

    /// Reads the files that the options name.
    ///
    /// - Throws: An error that names the option or the file, and what to do.
    init(_ run: RunConfiguration, _ data: RunData) throws {
        if let path = run.labels { descriptions = try Self.descriptions(path, data.training.labels) }
        if let path = run.unlabeled { unlabelled = try Self.texts(path, run, data) }
        if let text = run.classShares { shares = try ClassSharesOption(text, labels: data.training.labels).values }
    }

    private static func descriptions(
        _ path: String, _ labels: [String]
    ) throws(FileError) -> [(text: String, label: Int)] {
        var result: [(text: String, label: Int)] = []
        let numbers = Dictionary(labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        try DatasetReader.forEach(path, options: .init()) { record throws(FileError) in
            guard case .text(let label)? = record.label else {
                throw FileError(path, line: record.line, "has several labels; give a label and a text in each line")
            }
            guard let number = numbers[label] else {
                throw FileError(
                    path, line: record.line,
                    "describes \(quoted(label)), which is no class of the training set (\(known(labels))); leave it out, "
                        + "or spell it as there")
            }
            result.append((record.text, number))
        }
        guard !result.isEmpty else {
            throw FileError(path, "has no description; give at least one, or leave out --labels")
        }
        return result
    }

    private static func known(_ labels: [String]) -> String {
        labels.prefix(8).map { $0.printable(limit: 30) }.joined(separator: ", ") + (labels.count > 8 ? ", …" : "")
    }

    private static func texts(_ path: String, _ run: RunConfiguration, _ data: RunData) throws -> [Example] {
        let columns = ColumnNames(text: run.textColumn, textPair: run.textPairColumn, label: nil)
        var texts: [Example] = []
        try DatasetReader.forEach(path, options: .init(columns: columns, labels: nil)) { record throws(FileError) in
            let isBlank = record.text.allSatisfy(\.isWhitespace)
            if !isBlank { texts.append(Example(text: record.text, pair: record.pair)) }
        }
        guard !texts.isEmpty else { throw FileError(path, "has no text; give at least one, or leave out --unlabeled") }
        if let test = data.test {
            let known = Set(test.examples.map(\.lexicalText))
            let common = texts.count { known.contains($0.lexicalText) }
            guard common == 0 else {
                throw FileError(
                    path,
                    "\(plural(common, "text")) of \(test.path) \(common == 1 ? "is" : "are") among the texts without "
                        + "labels: what is tested must not be learnt from; take \(common == 1 ? "it" : "them") out of one "
                        + "of the two files")
            }
        }
        return texts
    }
}
