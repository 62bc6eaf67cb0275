import Corpus
import Modeling
import Support

/// The examples of a file, with the numbers that a model's labels have.
struct KnownLabels {
    let examples: Dataset
    /// What was left out; nil for nothing.
    let notice: String?

    /// Matches labels by name; `LABEL_3` also means a label "3" of the file.
    ///
    /// - Parameters:
    ///   - found: What the file holds, with the labels that it has.
    ///   - labels: The model's.
    ///   - skipsUnknown: Leaves out examples with labels that the model does not know.
    /// - Throws: An error that counts and names these labels, where they are not to be skipped or nothing else is
    ///   there.
    init(_ found: Dataset, among labels: [String], skipsUnknown: Bool) throws(FileError) {
        let rows = LabelMatch.rows(of: found.labels, among: labels)
        var unknown: [(name: String, count: Int)] = []
        for (place, count) in found.classCounts.enumerated() where rows[place] == nil {
            unknown.append((found.labels[place], count))
        }
        let rest = found.examples.compactMap { example -> Example? in
            guard let row = example.classNumber.flatMap({ rows[Int($0)] }) else { return nil }
            return Example(text: example.text, pair: example.pair, label: .one(Int32(row)))
        }
        examples = Dataset(path: found.path, labels: labels, examples: rest, columns: found.columns)
        guard !unknown.isEmpty else {
            notice = nil
            return
        }
        let lost = found.examples.count - rest.count
        let what =
            "\(lost) of \(plural(found.examples.count, "example")) with labels that the model does not know: "
            + DatasetReview.counted(unknown)
        guard skipsUnknown, !rest.isEmpty else {
            throw FileError(
                found.path,
                "\(what); it knows \(Self.listed(labels))\(Self.hint(unknown[0].name, labels)); correct them"
                    + (rest.isEmpty ? "" : ", or leave these examples out with --skip-unknown-labels"))
        }
        notice = "--skip-unknown-labels: without \(what)"
    }

    private static func listed(_ labels: [String]) -> String {
        let head = labels.prefix(8).map { $0.printable(limit: 40) }.joined(separator: ", ")
        return labels.count > 8 ? "\(head) and \(labels.count - 8) more" : head
    }

    /// Which label was probably meant.
    private static func hint(_ name: String, _ labels: [String]) -> String {
        guard let other = DatasetReview.lookalike(of: name, among: labels) else { return "" }
        return ", and \"\(name.printable(limit: 60))\" differs from \"\(other.printable(limit: 60))\" only in case, "
            + "blanks or how the number is written"
    }
}
