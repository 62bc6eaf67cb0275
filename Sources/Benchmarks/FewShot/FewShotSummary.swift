import Foundation
import Support

/// What the trials of a few-shot benchmark have found, by method and by examples of each class.
struct FewShotSummary {
    /// The trials of a method with so many examples of each class.
    struct Cell: Equatable {
        /// Of the metric.
        var mean: Double
        /// Half of the 95% confidence interval of the mean, by Student's t over the seeds; nil with one trial.
        var margin: Double?
        /// Trials that have ended well.
        var count: Int
        /// Of a trial, on average.
        var seconds: Double
    }

    /// What is shown above the table.
    var title: String
    /// The metric's name in `result.json`.
    var metric: String
    /// For people.
    var metricTitle: String { metric.replacing("_", with: " ") }
    /// Examples of each class, ascending.
    let shots: [Int]
    /// The methods, in the order given.
    let methods: [String]
    /// Trials that there are to be of each method and number of examples.
    let seeds: Int
    /// By method, then by ``shots``; nil where no trial has ended well.
    let cells: [[Cell?]]
    /// Trials that have failed.
    let failures: [FewShotResult]

    static let confidence = 0.95

    /// - Throws: An error that names the metrics that there are, where `metric` is none of them.
    init(
        _ results: [FewShotResult], title: String, metric: String, variants: [FewShotVariant], shots: [Int],
        seeds: [UInt64]
    ) throws(FewShotBenchmarkError) {
        (self.title, self.metric, self.shots, self.seeds) = (title, metric, shots.sorted(), seeds.count)
        methods = variants.map(\.name)
        var cells: [[Cell?]] = []
        for method in methods {
            var row: [Cell?] = []
            for k in self.shots {
                let found = results.filter { $0.method == method && $0.k == k && seeds.contains($0.seed) }
                row.append(try Self.cell(found.sorted { $0.seed < $1.seed }, metric))
            }
            cells.append(row)
        }
        self.cells = cells
        let names = methods
        failures = results.filter {
            $0.test == nil && names.contains($0.method) && shots.contains($0.k) && seeds.contains($0.seed)
        }
    }

    private static func cell(_ results: [FewShotResult], _ metric: String) throws(FewShotBenchmarkError) -> Cell? {
        var (values, seconds): ([Double], [Double]) = ([], [])
        for result in results {
            guard let test = result.test else { continue }
            guard let value = test[metric] else {
                let known = test.keys.filter { $0 != "examples" && $0 != "examples_per_second" }.sorted()
                throw FewShotBenchmarkError(
                    "--metric: the trials have no \(quoted(metric)); they have \(known.joined(separator: ", "))")
            }
            values.append(value)
            seconds.append(result.seconds ?? 0)
        }
        guard !values.isEmpty else { return nil }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        var margin: Double?
        if values.count > 1 {
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
            margin =
                StudentT.quantile(confidence: confidence, degrees: values.count - 1)
                * (variance / count).squareRoot()
        }
        return Cell(mean: mean, margin: margin, count: values.count, seconds: seconds.reduce(0, +) / count)
    }

    // MARK: for people

    /// A cell of the table.
    func shown(_ cell: Cell?) -> String {
        guard let cell else { return "–" }
        let margin = cell.margin.map { String(format: " ± %.3f", $0) } ?? ""
        return String(format: "%.3f", cell.mean) + margin + (cell.count < seeds ? " (\(cell.count) of \(seeds))" : "")
    }

    /// One row a method.
    var table: TextTable {
        var table = TextTable(columns: ["method"] + shots.map { "k = \($0)" })
        for (method, row) in zip(methods, cells) { table.add([.text(method)] + row.map { .figure(shown($0)) }) }
        return table
    }

    /// A row for each method and number of examples, for programs.
    var rows: TextTable {
        var table = TextTable(columns: ["method", "k", metric, "margin", "trials", "seconds"])
        for (method, row) in zip(methods, cells) {
            for (k, cell) in zip(shots, row) {
                guard let cell else { continue }
                table.add([
                    .text(method), .number(Double(k), decimals: 0), .number(cell.mean, decimals: 4),
                    .number(cell.margin ?? .nan, decimals: 4), .number(Double(cell.count), decimals: 0),
                    .number(cell.seconds, decimals: 1),
                ])
            }
        }
        return table
    }

    /// The page `few-shot.md`.
    ///
    /// - Parameter plot: The name of the picture beside it.
    func markdown(plot: String) -> String {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
        func table(_ shown: (Cell?) -> String) -> String {
            var text = line(["method"] + shots.map { "k = \($0)" })
            text += "|---|" + shots.map { _ in "---:|" }.joined() + "\n"
            for (method, row) in zip(methods, cells) {
                text += line(["`\(method.replacing("|", with: "\\|"))`"] + row.map { shown($0) })
            }
            return text
        }
        let alternative = "\(metricTitle) over examples of each class"
        var text = "# \(Self.escaped(title))\n\n"
        text += "![\(alternative)](\(plot))\n\n"
        text += "## \(metricTitle.prefix(1).uppercased() + metricTitle.dropFirst())\n\n" + table(shown)
        text +=
            "\nMean on the test set and its 95% confidence interval (Student's t) over \(plural(seeds, "seed")); k examples "
            + "of each class.\n"
        text += "\n## Seconds of a trial, on average\n\n"
        text += table { $0.map { String(format: "%.1f", $0.seconds) } ?? "–" }
        guard !failures.isEmpty else { return text }
        text += "\n## Trials that have failed\n\n" + line(["method", "k", "seed", "why"]) + "|---|---:|---:|---|\n"
        for failure in failures {
            text += line([
                "`\(failure.method.replacing("|", with: "\\|"))`", "\(failure.k)", "\(failure.seed)",
                Self.escaped(failure.error ?? ""),
            ])
        }
        return text
    }

    /// A text in which nothing is taken for Markdown or HTML.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            if "\\`*_{}[]<>()#|~&".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
