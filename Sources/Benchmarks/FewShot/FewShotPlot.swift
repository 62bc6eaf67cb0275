import Foundation

/// The plot of a few-shot benchmark as SVG: the metric over examples of each class, a line for each method, with error
/// bars. Its colours follow whether the reader's screen is light or dark.
struct FewShotPlot {
    private let summary: FewShotSummary
    private let width = 760.0
    private let height = 460.0
    /// Around the axes.
    private let left = 72.0
    private let right = 24.0
    private let top = 52.0
    private let bottom = 60.0
    /// The palette of Okabe and Ito ("Color universal design", 2008), which colour-blind people can tell apart; darker
    /// or lighter where a line needs it to be seen on its ground.
    private static let light = [
        "#0072b2", "#c24e00", "#00805e", "#a8487e", "#8a6d00", "#2f7fb5", "#444444", "#7a3db8",
    ]
    private static let dark = [
        "#56b4e9", "#ff8c42", "#2cc79b", "#e79cc6", "#f0e442", "#8ecdf5", "#c8c8c8", "#b88cf2",
    ]
    /// Methods beyond the colours have broken lines.
    private static let dashes = ["", "7 4", "2 3"]

    init(_ summary: FewShotSummary) { self.summary = summary }

    /// Where on the x axis: by the logarithm, as the number of examples mostly doubles.
    private func x(_ shots: Int) -> Double {
        let (first, last) = (log(Double(summary.shots.first ?? 1)), log(Double(summary.shots.last ?? 1)))
        let span = width - left - right
        let share = last > first ? (log(Double(shots)) - first) / (last - first) : 0.5
        return left + span * (0.05 + 0.9 * share)
    }

    /// The values that the y axis shows: whole steps around all error bars.
    private var scale: (ticks: [Double], decimals: Int) {
        let values = summary.cells.flatMap { $0 }.compactMap { $0 }.flatMap { cell in
            [cell.mean - (cell.margin ?? 0), cell.mean + (cell.margin ?? 0)]
        }.filter(\.isFinite)
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        let span = max(high - low, 0.02)
        let power = pow(10, floor(log10(span / 5)))
        let step = ([1, 2, 5, 10].first { span / ($0 * power) <= 6 } ?? 10) * power
        let first = Int(floor((low - 0.02 * span) / step))
        let last = max(first + 1, Int(ceil((high + 0.02 * span) / step)))
        return ((first...last).map { Double($0) * step }, max(0, Int(-floor(log10(step) + 1e-9))))
    }

    /// The file's text.
    var svg: String {
        let (ticks, decimals) = scale
        let (low, high) = (ticks.first ?? 0, ticks.last ?? 1)
        func y(_ value: Double) -> Double { height - bottom - (height - top - bottom) * (value - low) / (high - low) }
        let rows = legendRows
        let total = height + 22 * Double(rows.count)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(width)) \(number(total))\" "
                + "width=\"\(number(width))\" height=\"\(number(total))\" role=\"img\" font-size=\"13\" "
                + "font-family=\"system-ui, sans-serif\">",
            "<title>\(escaped(summary.title))</title>", style,
            "<rect class=\"ground\" width=\"\(number(width))\" height=\"\(number(total))\"/>",
            text(width / 2, 28, summary.title, "middle", size: 15),
        ]
        for tick in ticks {
            lines.append(
                "<path class=\"grid\" d=\"M\(number(left)) \(number(y(tick)))H\(number(width - right))\"/>")
            lines.append(text(left - 8, y(tick) + 4.5, String(format: "%.\(decimals)f", tick), "end"))
        }
        for k in summary.shots {
            lines.append("<path class=\"axis\" d=\"M\(number(x(k))) \(number(height - bottom))v5\"/>")
            lines.append(text(x(k), height - bottom + 20, "\(k)", "middle"))
        }
        lines.append(
            "<path class=\"axis\" d=\"M\(number(left)) \(number(top))V\(number(height - bottom))H\(number(width - right))\"/>"
        )
        lines.append(
            text((left + width - right) / 2, height - bottom + 42, "labelled examples of each class", "middle"))
        let middle = (top + height - bottom) / 2
        lines.append(
            "<g transform=\"rotate(-90 20 \(number(middle)))\">\(text(20, middle, summary.metricTitle, "middle"))</g>")
        for method in summary.methods.indices { lines += curve(method, y) }
        for (row, methods) in rows.enumerated() { lines += legend(methods, y: height + 22 * Double(row)) }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private var style: String {
        func colours(_ palette: [String]) -> String {
            palette.enumerated().map { ".m\($0){color:\($1)}" }.joined()
        }
        return "<style>.ground{fill:#ffffff}text{fill:#24292f}.grid{stroke:#d8dee4;fill:none}"
            + ".axis{stroke:#57606a;fill:none}.line{stroke:currentColor;fill:none;stroke-width:2}"
            + ".mark{fill:currentColor}\(colours(Self.light))"
            + "@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#e6edf3}.grid{stroke:#30363d}"
            + ".axis{stroke:#8b949e}\(colours(Self.dark))}</style>"
    }

    // MARK: methods

    private func attributes(_ method: Int) -> String {
        let dash = Self.dashes[method / Self.light.count % Self.dashes.count]
        return "class=\"line\"" + (dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"")
    }

    private func curve(_ method: Int, _ y: (Double) -> Double) -> [String] {
        // Side by side, so that error bars do not hide each other.
        let shift = 5 * (Double(method) - Double(summary.methods.count - 1) / 2)
        let points = zip(summary.shots, summary.cells[method]).compactMap { k, cell in
            cell.map { (x: x(k) + shift, cell: $0) }
        }
        guard !points.isEmpty else { return [] }
        let path = points.map { "\(number($0.x)) \(number(y($0.cell.mean)))" }.joined(separator: "L")
        var lines = ["<g class=\"m\(method % Self.light.count)\">", "<path \(attributes(method)) d=\"M\(path)\"/>"]
        for (x, cell) in points {
            if let margin = cell.margin {
                let (high, low) = (y(cell.mean + margin), y(cell.mean - margin))
                lines.append(
                    "<path class=\"line\" d=\"M\(number(x - 4)) \(number(high))h8M\(number(x)) \(number(high))V\(number(low))"
                        + "M\(number(x - 4)) \(number(low))h8\"/>")
            }
            let shown = "\(summary.methods[method]), k = \(summary.shown(cell))"
            lines.append(mark(method, x, y(cell.mean), title: shown))
        }
        return lines + ["</g>"]
    }

    /// Each method has a shape of its own, for those who see no colours.
    private func mark(_ method: Int, _ x: Double, _ y: Double, title: String? = nil) -> String {
        let inner = title.map { "<title>\(escaped($0))</title>" } ?? ""
        let (a, b) = (number(x), number(y))
        switch method % 4 {
        case 0: return "<circle class=\"mark\" cx=\"\(a)\" cy=\"\(b)\" r=\"4\">\(inner)</circle>"
        case 1:
            return
                "<rect class=\"mark\" x=\"\(number(x - 3.8))\" y=\"\(number(y - 3.8))\" width=\"7.6\" height=\"7.6\">\(inner)</rect>"
        case 2: return "<path class=\"mark\" d=\"M\(a) \(number(y - 5))l5 9h-10z\">\(inner)</path>"
        default: return "<path class=\"mark\" d=\"M\(a) \(number(y - 5.4))l5.4 5.4l-5.4 5.4l-5.4-5.4z\">\(inner)</path>"
        }
    }

    // MARK: legend

    /// About as wide as it is drawn: fonts differ.
    private func legendWidth(_ method: Int) -> Double { 52 + 7.4 * Double(summary.methods[method].count) }

    /// The methods, by line.
    private var legendRows: [[Int]] {
        var rows: [[Int]] = []
        var used = Double.infinity
        for method in summary.methods.indices {
            if used + legendWidth(method) > width - left - right {
                rows.append([])
                used = 0
            }
            rows[rows.count - 1].append(method)
            used += legendWidth(method)
        }
        return rows
    }

    private func legend(_ methods: [Int], y: Double) -> [String] {
        var x = left
        return methods.map { method in
            defer { x += legendWidth(method) }
            return
                "<g class=\"m\(method % Self.light.count)\"><path \(attributes(method)) d=\"M\(number(x)) \(number(y))h26\"/>"
                + mark(method, x + 13, y) + "</g>" + text(x + 33, y + 4.5, summary.methods[method], "start")
        }
    }

    // MARK: SVG

    private func text(_ x: Double, _ y: Double, _ text: String, _ anchor: String, size: Double? = nil) -> String {
        let size = size.map { " font-size=\"\(number($0))\"" } ?? ""
        return "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\"\(size)>\(escaped(text))</text>"
    }

    private func number(_ value: Double) -> String {
        let text = String(format: "%.1f", value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
