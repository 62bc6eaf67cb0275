import Foundation

extension ClassificationMetrics {
    /// A table for a terminal: a line a class with precision, recall, F1 and count, then the means.
    public var table: String {
        let width = max(12, perClass.map(\.label.count).max() ?? 0)
        var lines = [Self.left("", width) + "  precision  recall      f1   count"]
        for row in perClass {
            lines.append(
                Self.left(row.label, width)
                    + Self.right(Self.number(row.precision), 11) + Self.right(Self.number(row.recall), 8)
                    + Self.right(Self.number(row.f1), 8) + Self.right("\(row.support)", 8))
        }
        lines.append("")
        for (name, value) in [("accuracy", accuracy), ("macro F1", macroF1), ("loss", loss)] {
            lines.append(
                Self.left(name, width) + Self.right(Self.number(value), 27) + Self.right("\(examples)", 8))
        }
        return lines.joined(separator: "\n")
    }

    /// The confusion matrix for a terminal: a row a true class, a column a predicted one, numbered as the rows are.
    public var confusionTable: String {
        let width = max(12, perClass.map(\.label.count).max() ?? 0)
        let largest = confusion.rows.joined().max() ?? 0
        let cell = max("\(largest)".count, "\(confusion.classes)".count) + 2
        let numbers = (0..<confusion.classes).map { Self.right("\($0)", cell) }.joined()
        var lines = [Self.left("true \\ predicted", width + 5) + numbers]
        for (index, row) in confusion.rows.enumerated() {
            lines.append(
                Self.right("\(index)", 3) + "  " + Self.left(perClass[index].label, width)
                    + row.map { Self.right("\($0)", cell) }.joined())
        }
        return lines.joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String { String(format: "%.4f", value) }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
