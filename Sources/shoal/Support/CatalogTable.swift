import Corpus
import Dashboard
import Foundation

/// What there is to fetch, for people.
enum CatalogTable {
    static func text(_ cache: FetchCache) -> String {
        let head = ["name", "size", "classes", "train + test", "fetched", "source", ""]
        let rows = DatasetCatalog.entries.map { entry in
            [
                entry.name, Format.bytes(entry.archive.bytes), entry.isModel ? "-" : "\(entry.classes)",
                entry.isModel
                    ? "-" : "\(Format.count(entry.trainExamples)) + \(Format.count(entry.testExamples))",
                cache.has(entry) ? "yes" : "-", "\(entry.archive.package) \(entry.archive.version)", entry.summary,
            ]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        let lines = ([head] + rows).map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
        return (lines + ["", "Sizes are those of the downloads. They are kept in \(cache.path)."])
            .joined(separator: "\n")
    }
}
