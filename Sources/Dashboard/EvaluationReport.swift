import Modeling
import Support

/// The metrics of an evaluation for people: of a classifier one line per class, the means, and the confusion matrix.
public struct EvaluationReport: Sendable {
    private let metrics: MetricReport
    private let perClass: [ClassMetrics]
    /// `rows[truth][prediction]`.
    private let rows: [[Int]]
    private let labels: [String]
    private let usesColor: Bool

    /// A report of `metrics`.
    public init(_ metrics: MetricReport, usesColor: Bool = false) {
        self.metrics = metrics
        self.usesColor = usesColor
        switch metrics.details {
        case .classes(let perClass, let confusion): (self.perClass, rows) = (perClass, confusion.rows)
        case .labels(let perClass): (self.perClass, rows) = (perClass, [])
        case nil: (perClass, rows) = ([], [])
        }
        labels = perClass.map { $0.label.printable().shortened(to: 40) }
    }

    /// All of it, in at most `width` columns where that is possible.
    public func text(width: Int) -> String {
        ((perClass.isEmpty ? [] : [classes]) + [means] + (rows.isEmpty ? [] : [confusion(width: width)]))
            .joined(separator: "\n\n")
    }

    /// Precision, recall, F1 and count of each class.
    var classes: String {
        var table = TextTable(columns: ["class", "precision", "recall", "f1", "count"])
        for (label, row) in zip(labels, perClass) {
            table.add([
                .text(label), .figure(Format.share(row.precision)), .figure(Format.share(row.recall)),
                .figure(Format.share(row.f1)), .figure(Format.count(row.support)),
            ])
        }
        return headed(table).joined(separator: "\n")
    }

    private var means: String {
        let rows =
            metrics.values.map { ($0.kind.title, Format.share($0.value)) }
            + [("loss", Format.loss(metrics.loss)), ("examples", Format.count(metrics.examples))]
        let column = rows.map(\.0.columns).max() ?? 0
        return rows.map { $0.padded(to: column) + "  " + $1 }.joined(separator: "\n")
    }

    /// The confusion matrix: as a grid if that fits, else as a list of what each class was taken for.
    func confusion(width: Int) -> String {
        let grid = self.grid
        return grid.split(separator: "\n").allSatisfy { String($0).columns <= width } ? grid : list
    }

    /// One row per true class and one column per predicted one, numbered as the rows are; zeros are dots.
    private var grid: String {
        var table = TextTable(columns: ["", ""] + rows.indices.map { "\($0)" })
        for (index, row) in rows.enumerated() {
            table.add(
                [.figure("\(index)"), .text(labels[index])] + row.map { .figure($0 == 0 ? "." : "\($0)") })
        }
        let title = "confusion matrix: one row per true class, one column per predicted class"
        return ([title] + headed(table)).joined(separator: "\n")
    }

    /// For each true class, how often it was recognised and what else it was taken for: all that is not zero in the
    /// matrix, readable for any number of classes.
    private var list: String {
        let column = labels.map(\.columns).max() ?? 0
        let digits = rows.joined().map { "\($0)".count }.max() ?? 1
        var lines = [
            "confusion matrix: one line per true class, how often it was recognised | what else it was taken for"
        ]
        for (truth, row) in rows.enumerated() {
            let wrong = row.indices.filter { $0 != truth && row[$0] > 0 }.sorted { (row[$0], $1) > (row[$1], $0) }
            let text = wrong.map { "\(labels[$0]) \(row[$0])" }.joined(separator: ", ")
            let line = labels[truth].padded(to: column) + "  " + "\(row[truth])".indented(to: digits)
            lines.append(text.isEmpty ? line : line + " | " + text)
        }
        return lines.joined(separator: "\n")
    }

    /// The lines of a table, the first one as a heading.
    private func headed(_ table: TextTable) -> [String] {
        let lines = table.lines
        return [Style.bold.applied(to: lines[0], usesColor)] + lines.dropFirst()
    }
}
