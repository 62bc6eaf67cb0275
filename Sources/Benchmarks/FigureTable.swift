import Foundation

/// What was measured: rows of named columns, as a table for people or as JSON.
public struct FigureTable: Sendable {
    /// What stands in a column of a row.
    public enum Cell: Sendable {
        /// A name.
        case text(String)
        /// A figure, shown with so many decimals.
        case number(Double, decimals: Int)
    }

    /// The names of the columns with their units, such as `gflops`; the keys of the JSON objects.
    public let columns: [String]
    /// A cell a column.
    public private(set) var rows: [[Cell]] = []

    /// A table without rows.
    public init(columns: [String]) { self.columns = columns }

    /// Adds a row.
    public mutating func add(_ row: [Cell]) {
        precondition(row.count == columns.count, "a row has a cell a column")
        rows.append(row)
    }

    /// Columns side by side, text to the left and numbers to the right; the first line names them.
    public var text: String {
        let shown = [columns] + rows.map { $0.map(Self.show) }
        let widths = columns.indices.map { column in shown.map { $0[column].count }.max() ?? 0 }
        return shown.map { row in
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return isText(column) ? cell + space : space + cell
            }
            return cells.joined(separator: "  ").replacing(#/ +$/#, with: "")
        }.joined(separator: "\n")
    }

    private func isText(_ column: Int) -> Bool {
        guard let first = rows.first, case .text = first[column] else { return false }
        return true
    }

    private static func show(_ cell: Cell) -> String {
        switch cell {
        case .text(let text): text
        case .number(let value, let decimals): String(format: "%.\(decimals)f", value)
        }
    }

    /// An array of one object a row.
    public func json() throws -> String {
        let objects = rows.map { row in
            Dictionary(
                uniqueKeysWithValues: zip(columns, row).map { name, cell -> (String, Any) in
                    switch cell {
                    case .text(let text): (name, text)
                    // JSON has no way to write what is not finite.
                    case .number(let value, _): (name, value.isFinite ? value as Any : NSNull())
                    }
                })
        }
        let data = try JSONSerialization.data(
            withJSONObject: objects, options: [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }
}
