import Support
import Training

/// The metrics of an evaluation for people: a line a class, the means, and the confusion matrix.
public struct EvaluationReport: Sendable {
    private let metrics: ClassificationMetrics
    private let labels: [String]
    private let usesColor: Bool

    /// A report of `metrics`.
    public init(_ metrics: ClassificationMetrics, usesColor: Bool = false) {
        self.metrics = metrics
        self.usesColor = usesColor
        labels = metrics.perClass.map { $0.label.printable().shortened(to: 40) }
    }

    /// All of it, in at most `width` columns where that is possible.
    public func text(width: Int) -> String {
        [classes, means, confusion(width: width)].joined(separator: "\n\n")
    }

    /// Precision, recall, F1 and count of each class.
    var classes: String {
        let column = max(8, labels.map(\.columns).max() ?? 0)
        var lines = [heading("class".padded(to: column) + "  precision   recall       f1    count")]
        for (label, row) in zip(labels, metrics.perClass) {
            lines.append(
                label.padded(to: column) + Format.share(row.precision).indented(to: 11)
                    + Format.share(row.recall).indented(to: 9) + Format.share(row.f1).indented(to: 9)
                    + Format.count(row.support).indented(to: 9))
        }
        return lines.joined(separator: "\n")
    }

    private var means: String {
        """
        accuracy  \(Format.share(metrics.accuracy))
        macro F1  \(Format.share(metrics.macroF1))
        loss      \(Format.loss(metrics.loss))
        examples  \(Format.count(metrics.examples))
        """
    }

    /// The confusion matrix: as a grid if that fits, else as a list of what each class was taken for.
    func confusion(width: Int) -> String {
        let grid = self.grid
        return grid.split(separator: "\n").allSatisfy { String($0).columns <= width } ? grid : list
    }

    /// A row a true class, a column a predicted one, numbered as the rows are; zeros are dots.
    private var grid: String {
        let rows = metrics.confusion.rows
        let number = "\(max(1, rows.count) - 1)".count
        let column = labels.map(\.columns).max() ?? 0
        var widths = [Int](repeating: 0, count: rows.count)
        for column in rows.indices {
            widths[column] = max("\(column)".count, rows.map { "\($0[column])".count }.max() ?? 0) + 2
        }
        let head = rows.indices.map { "\($0)".indented(to: widths[$0]) }.joined()
        var lines = ["confusion matrix: a row a true class, a column a predicted one"]
        lines.append(heading(String(repeating: " ", count: number + 2 + column) + head))
        for (index, row) in rows.enumerated() {
            let cells = row.indices.map { (row[$0] == 0 ? "." : "\(row[$0])").indented(to: widths[$0]) }.joined()
            lines.append("\(index)".indented(to: number) + "  " + labels[index].padded(to: column) + cells)
        }
        return lines.joined(separator: "\n")
    }

    /// For each true class, how often it was recognised and what else it was taken for: all that is not zero in the
    /// matrix, readable for any number of classes.
    private var list: String {
        let rows = metrics.confusion.rows
        let column = labels.map(\.columns).max() ?? 0
        let digits = rows.joined().map { "\($0)".count }.max() ?? 1
        var lines = ["confusion matrix: a line a true class, how often it was recognised | what else it was taken for"]
        for (truth, row) in rows.enumerated() {
            let wrong = row.indices.filter { $0 != truth && row[$0] > 0 }.sorted { (row[$0], $1) > (row[$1], $0) }
            let text = wrong.map { "\(labels[$0]) \(row[$0])" }.joined(separator: ", ")
            let line = labels[truth].padded(to: column) + "  " + "\(row[truth])".indented(to: digits)
            lines.append(text.isEmpty ? line : line + " | " + text)
        }
        return lines.joined(separator: "\n")
    }

    private func heading(_ text: String) -> String { Style.bold.applied(to: text, usesColor) }
}
