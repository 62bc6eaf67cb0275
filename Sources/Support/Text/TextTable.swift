import Foundation

/// Rows of named columns, as a table for people or as JSON.
public struct TextTable: Sendable {
    /// What stands in a column of a row.
    public enum Cell: Sendable {
        /// A name: to the left.
        case text(String)
        /// A figure as it is to be shown: to the right.
        case figure(String)
        /// A figure, shown with so many decimals: to the right.
        case number(Double, decimals: Int)

        fileprivate var shown: String {
            switch self {
            case .text(let text), .figure(let text): text
            case .number(let value, let decimals): String(format: "%.\(decimals)f", value)
            }
        }

        fileprivate var isText: Bool {
            if case .text = self { return true }
            return false
        }
    }

    /// The names of the columns with their units, such as `gflops`; the keys of the JSON objects.
    public let columns: [String]
    /// One cell per column.
    public private(set) var rows: [[Cell]] = []

    /// A table without rows.
    public init(columns: [String]) { self.columns = columns }

    /// Adds a row.
    public mutating func add(_ row: [Cell]) {
        precondition(row.count == columns.count, "a row has one cell per column")
        rows.append(row)
    }

    /// The line that names the columns, then one line per row; columns side by side, as wide as their widest cell on a
    /// terminal, without blanks at the end.
    public var lines: [String] {
        let shown = [columns] + rows.map { $0.map(\.shown) }
        let widths = columns.indices.map { column in shown.map { $0[column].columns }.max() ?? 0 }
        // A column is as its first row is; its name, too.
        let isText = columns.indices.map { rows.first?[$0].isText ?? true }
        return shown.map { row in
            let cells = row.enumerated().map { column, cell in
                isText[column] ? cell.padded(to: widths[column]) : cell.indented(to: widths[column])
            }
            return cells.joined(separator: "  ").replacing(#/ +$/#, with: "")
        }
    }

    /// All ``lines``.
    public var text: String { lines.joined(separator: "\n") }

    /// An array of one object per row.
    public func json() throws -> String {
        let objects = rows.map { row -> [String: Any] in
            var object: [String: Any] = [:]
            for (name, cell) in zip(columns, row) {
                switch cell {
                case .text(let text), .figure(let text): object[name] = text
                // JSON has no way to write what is not finite.
                case .number(let value, _): object[name] = value.isFinite ? value as Any : NSNull()
                }
            }
            return object
        }
        let data = try JSONSerialization.data(
            withJSONObject: objects, options: [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }
}
