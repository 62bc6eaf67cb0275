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
        // Without labelled texts they are the training set.
        if run.shots != 0 { descriptions = try ClassDescriptions(run, labels: data.training.labels).given }
        if let path = run.unlabeled { unlabelled = try Self.texts(path, run, data) }
        if let text = run.classShares { shares = try ClassSharesOption(text, labels: data.training.labels).values }
    }

    private static func texts(_ path: String, _ run: RunConfiguration, _ data: RunData) throws -> [Example] {
        let columns = ColumnNames(text: run.textColumn, textPair: run.textPairColumn, label: nil)
        var texts: [Example] = []
        try DatasetReader.forEach(path, options: .init(columns: columns, labels: nil)) { record throws(FileError) in
            let isBlank = record.text.allSatisfy(\.isWhitespace)
            if !isBlank { texts.append(Example(text: record.text, pair: record.pair)) }
        }
        guard !texts.isEmpty else { throw FileError(path, "has no text; give at least one, or leave out --unlabeled") }
        func words(_ example: Example) -> [Substring] { example.lexicalText.split(whereSeparator: \.isWhitespace) }
        for test in [data.validation, data.test].compactMap({ $0 }) {
            let known = Set(test.examples.map(words))
            let common = texts.count { known.contains(words($0)) }
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
